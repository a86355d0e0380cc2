"""The rehearsal's mail server: takes mail over TLS from one user, and keeps it in a folder."""
