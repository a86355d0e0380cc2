"""The double's commands for addresses and certificates."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from tests.flysim.double_api import Api, show


def ips_list(api: Api, options: Namespace) -> None:
    """`ips list --json`."""
    app = api.query(
        "query($n: String!) { app(name: $n) { sharedIpAddress ipAddresses { nodes "
        "{ id address type region createdAt } } } }",
        n=options.app,
    )["app"]
    rows = [
        {
            "ID": n["id"],
            "Address": n["address"],
            "Type": n["type"],
            "Region": n["region"],
            "CreatedAt": n["createdAt"],
            "ServiceName": "",
            "Network": None,
        }
        for n in app["ipAddresses"]["nodes"]
    ]
    if app["sharedIpAddress"]:
        rows.append(
            {
                "ID": "",
                "Address": app["sharedIpAddress"],
                "Type": "shared_v4",
                "Region": "",
                "CreatedAt": "0001-01-01T00:00:00Z",
                "ServiceName": "",
                "Network": None,
            }
        )
    show(rows)


def ips_allocate(kind: str) -> Callable[[Api, Namespace], None]:
    def run(api: Api, options: Namespace) -> None:
        api.query(
            "mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { app { name } } }",
            input={"appId": options.app, "type": "shared_v4" if options.shared else kind},
        )
        print(" VERSION │ IP │ TYPE │ REGION ")

    return run


def ips_release(api: Api, options: Namespace) -> None:
    """`ips release ADDRESS ...`."""
    for address in options.words:
        api.query(
            "mutation($input: ReleaseIPAddressInput!) { releaseIpAddress(input: $input) { clientMutationId } }",
            input={"appId": options.app, "ip": address},
        )
        print(f"Released {address} from {options.app}")


def certs_add(api: Api, options: Namespace) -> None:
    """`certs add --json`."""
    show(
        api.v1(
            "POST",
            f"/apps/{options.app}/certificates/acme",
            {"hostname": options.words[0]},
            wrap="failed to create ACME certificate",
        )
    )


def certs_check(api: Api, options: Namespace) -> None:
    """`certs check --json`."""
    show(
        api.v1("POST", f"/apps/{options.app}/certificates/{options.words[0]}/check", wrap="failed to check certificate")
    )
