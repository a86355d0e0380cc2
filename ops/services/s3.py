"""The object store: a bucket whose objects expire, and a user that reaches it and nothing else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, drifted, missing, satisfied

if TYPE_CHECKING:
    from minio import Minio, MinioAdmin
    from urllib3.poolmanager import PoolManager

TIMEOUT = 10.0  # seconds, to connect and for each answer
REGION = "us-east-1"  # named, so that the client need not ask the server for it
RULE = "expire"


@dataclass(frozen=True)
class Account:
    """One account of an object store."""

    endpoint: str
    user: Secret
    password: Secret


@dataclass(frozen=True)
class Wanted:
    """What is to be there.

    Attributes:
        bucket: its name.
        expire_days: age at which objects are deleted by the store; 0 for never.
    """

    bucket: str
    expire_days: int = 0

    @property
    def policy(self) -> dict[str, Any]:
        """What the limited user may: everything with the bucket's objects, nothing with the bucket itself."""
        resource = f"arn:aws:s3:::{self.bucket}"
        on_bucket = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        on_objects = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject"]
        on_objects += ["s3:ListMultipartUploadParts", "s3:PutObject"]
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": on_bucket, "Resource": [resource]},
                {"Effect": "Allow", "Action": on_objects, "Resource": [f"{resource}/*"]},
            ],
        }

    @property
    def policy_name(self) -> str:
        """Name of the policy that limits the user to the bucket."""
        return f"{self.bucket}-only"


def look_bucket(account: Account, wanted: Wanted) -> Look:
    """The bucket and its expiry, as an account that may see both.

    Raises:
        RunbookError: S3-001 ... S3-003.
    """
    with _errors(account):
        client = _client(account)
        if not client.bucket_exists(wanted.bucket):
            return missing(f"no bucket {wanted.bucket} at {account.endpoint}")
        have = _expiry(client, wanted.bucket)
    if have != wanted.expire_days:
        return drifted(f"bucket {wanted.bucket}", f"objects expire after {have} days → {wanted.expire_days}")
    return satisfied(f"bucket {wanted.bucket}, objects expire after {have} days" if have else f"bucket {wanted.bucket}")


def make_bucket(account: Account, wanted: Wanted) -> None:
    """Make the bucket and set its expiry; needs no administration interface, so any S3 server will do.

    Raises:
        RunbookError: S3-001 ... S3-003.
    """
    from minio.error import S3Error

    with _errors(account):
        client = _client(account)
        if not client.bucket_exists(wanted.bucket):
            try:
                client.make_bucket(wanted.bucket)
            except S3Error as error:
                # Somebody made it between the two questions.
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise
        if _expiry(client, wanted.bucket) != wanted.expire_days:
            _set_expiry(client, wanted)


def look(root: Account, limited: Account, wanted: Wanted) -> Look:
    """Bucket, expiry, policy and limited user of a MinIO.

    Args:
        root: MinIO's administrator.
        limited: the user that is to reach the bucket and nothing else.
        wanted: bucket and expiry.

    Raises:
        RunbookError: S3-001 ... S3-003.
    """
    bucket = look_bucket(root, wanted)
    if not bucket.satisfied:
        return bucket
    differences = []
    with _errors(root):
        admin = _admin(root)
        policies = json.loads(admin.policy_list())
        users = json.loads(admin.user_list() or "{}")
    if _canonical(policies.get(wanted.policy_name)) != _canonical(wanted.policy):
        differences.append(f"policy {wanted.policy_name}: not as wanted → the bucket only")
    user = users.get(limited.user.reveal())
    if user is None:
        differences.append("limited user: not there → there")
    elif user.get("status") != "enabled" or user.get("policyName") != wanted.policy_name:
        differences.append(
            f"limited user: {user.get('status')}, policy {user.get('policyName')} → enabled, {wanted.policy_name}"
        )
    elif not _opens(limited, wanted.bucket):
        differences.append("password of the limited user: not the vault's → the vault's")
    if differences:
        return drifted(f"bucket {wanted.bucket} is there; its user is not as wanted", "\n".join(differences))
    return satisfied(f"{bucket.evidence}, user limited to it")


def act(root: Account, limited: Account, wanted: Wanted, say: Say) -> None:
    """Make bucket, policy and user as wanted; each can be repeated.

    Raises:
        RunbookError: S3-001 ... S3-003.
    """
    make_bucket(root, wanted)
    say(f"bucket {wanted.bucket} is there")
    with _errors(root):
        admin = _admin(root)
        admin.policy_add(wanted.policy_name, policy=wanted.policy)
        admin.user_add(limited.user.reveal(), limited.password.reveal())
        admin.user_enable(limited.user.reveal())
        user = json.loads(admin.user_info(limited.user.reveal()))
        held = [name for name in str(user.get("policyName") or "").split(",") if name]
        others = [name for name in held if name != wanted.policy_name]
        if others:
            admin.detach_policy(others, user=limited.user.reveal())
        if wanted.policy_name not in held:
            admin.attach_policy([wanted.policy_name], user=limited.user.reveal())
    say("its user is limited to it")


def _opens(account: Account, bucket: str) -> bool:
    """Whether the account's password is right and the bucket within its reach; asks for one listing at most."""
    from minio.error import S3Error

    with _errors(account):
        try:
            return _client(account).bucket_exists(bucket)
        except S3Error as error:
            if error.code in ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"):
                return False
            raise


def _expiry(client: Minio, bucket: str) -> int:
    """Days after which the bucket's objects expire, 0 for never or where the server has no such thing."""
    config = client.get_bucket_lifecycle(bucket)
    for rule in config.rules if config is not None else ():
        if rule.rule_id == RULE and rule.expiration is not None:
            return int(rule.expiration.days or 0)
    return 0


def _set_expiry(client: Minio, wanted: Wanted) -> None:
    from minio.commonconfig import ENABLED, Filter
    from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

    if not wanted.expire_days:
        client.delete_bucket_lifecycle(wanted.bucket)
        return
    rule = Rule(
        status=ENABLED,
        rule_filter=Filter(prefix=""),
        rule_id=RULE,
        expiration=Expiration(days=wanted.expire_days),
    )
    client.set_bucket_lifecycle(wanted.bucket, LifecycleConfig([rule]))


def _canonical(policy: Any) -> str:
    """A policy with its lists in order: servers give them back in their own."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: ordered(part) for key, part in sorted(value.items())}
        if isinstance(value, list):
            return sorted((ordered(part) for part in value), key=json.dumps)
        return value

    return json.dumps(ordered(policy), sort_keys=True)


def _pool() -> PoolManager:
    from urllib3 import PoolManager, Timeout

    return PoolManager(timeout=Timeout(connect=TIMEOUT, read=TIMEOUT), retries=False)


def _client(account: Account) -> Minio:
    from minio import Minio

    url = urlsplit(account.endpoint)
    return Minio(
        url.netloc,
        access_key=account.user.reveal(),
        secret_key=account.password.reveal(),
        secure=url.scheme == "https",
        region=REGION,
        http_client=_pool(),
    )


def _admin(account: Account) -> MinioAdmin:
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    url = urlsplit(account.endpoint)
    return MinioAdmin(
        endpoint=url.netloc,
        credentials=StaticProvider(account.user.reveal(), account.password.reveal()),
        region=REGION,
        secure=url.scheme == "https",
        http_client=_pool(),
    )


@contextlib.contextmanager
def _errors(account: Account) -> Iterator[None]:
    """Turn the client's errors into ours; bodies are not quoted, they may hold what was sent."""
    from minio.error import InvalidResponseError, MinioAdminException, S3Error, ServerError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except HTTPError as error:
        raise RunbookError(
            "S3-001",
            f"{account.endpoint} does not answer",
            why=type(error).__name__,
            next="inv local.status; on Fly: flyctl status of the storage app",
        ) from None
    except S3Error as error:
        raise _refused(account, error.code or "", error.code in _LOGIN) from None
    except MinioAdminException as error:
        # 7.2's message begins with the status code and goes on with the server's body.
        text = str(error)
        raise _refused(account, "administration", any(word in text for word in _LOGIN)) from None
    except (InvalidResponseError, ServerError, ValueError) as error:
        raise RunbookError(
            "S3-003", f"{account.endpoint} gave no sensible answer: {type(error).__name__}", next="try again"
        ) from None


_LOGIN = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied")


def _refused(account: Account, what: str, login: bool) -> RunbookError:
    if login:
        return RunbookError(
            "S3-002",
            f"{account.endpoint} refuses the account",
            why="user or password in the vault are not the server's, or it may not do this",
            next="inv deploy.storage",
        )
    return RunbookError("S3-003", f"{account.endpoint} refused: {what}", next="try again; then its log")
