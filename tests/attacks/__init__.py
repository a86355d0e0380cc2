"""Attacks on what ships: the gateway with its start script and lock, behind a real Caddy with the shipped Caddyfile.

After each of them the gateway has failed for no reason of its own, the edge has sent on nothing but whole requests to
public paths, and all still works (`stand.Stand.unharmed`). Where each kind is tested, here and elsewhere:

- requests of two lengths, chunks that are none: `test_smuggling`; bodies that nobody reads: `test_unread_bodies`
- paths, hosts, headers, methods, HTTP/2 frames: `test_paths`; floods and slow clients: `test_floods`, and
  `tests/integration/test_edge_bodies.py`
- bodies: `test_bodies`, and `tests/gateway/api`; keys, claims of another team: `test_keys`, and
  `tests/integration/gateway/test_isolation.py`, `test_wall.py`, `test_freeze.py` there
- arguments of the scripts in Redis: `test_fuzz_scripts`; bytes that are nearly HTTP: `test_fuzz_http`; JSON that is
  nearly a request: `test_fuzz_bodies`
- links in the file system: `tests/commands/test_odd_machines.py`, `tests/vault/test_store.py`,
  `tests/targets/local/test_layout.py`; hostile stack files: `tests/properties/test_settings.py`, `test_quoting.py`
  there and in `tests/render`; hostile SQL: `tests/services/test_postgres_hostile.py`

`ATTACKS_SECONDS=600 .venv-dev/bin/python -m pytest tests/attacks -k fuzz` is a long look (`fuzz`).
"""

import pytest

pytest.register_assert_rewrite("tests.attacks.stand")
