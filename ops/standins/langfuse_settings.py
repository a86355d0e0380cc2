"""What the Langfuse stand-in is told by its environment, under Langfuse's own names."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = "4.50.0"
DEFAULT_URL = "http://localhost:3000"


@dataclass(frozen=True)
class Settings:
    """The values of one Langfuse; secrets are left out of its repr."""

    public_key: str
    secret_key: str = field(repr=False)
    url: str
    session_secret: str = field(repr=False)
    email: str
    password: str = field(repr=False)
    user_name: str
    org_id: str
    org_name: str
    project_id: str
    project_name: str
    database_url: str = field(repr=False)
    direct_url: str = field(repr=False)
    sign_up: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in ``environment``; an empty value counts as unset.

        The key pair is LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY or, as Langfuse itself calls it,
        LANGFUSE_INIT_PROJECT_PUBLIC_KEY and LANGFUSE_INIT_PROJECT_SECRET_KEY. Raises ValueError naming the
        variable that is missing or unusable.
        """

        def get(*names: str, default: str = "") -> str:
            return next((environment[name] for name in names if environment.get(name)), default)

        public = get("LANGFUSE_PUBLIC_KEY", "LANGFUSE_INIT_PROJECT_PUBLIC_KEY")
        secret = get("LANGFUSE_SECRET_KEY", "LANGFUSE_INIT_PROJECT_SECRET_KEY")
        if not public or not secret:
            raise ValueError("LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY must be set")
        password = get("LANGFUSE_INIT_USER_PASSWORD")
        if password and len(password) < 8:
            raise ValueError("LANGFUSE_INIT_USER_PASSWORD must have at least 8 characters")
        org, project = (
            get("LANGFUSE_INIT_ORG_ID", default="org"),
            get("LANGFUSE_INIT_PROJECT_ID", default="project"),
        )
        url = get("DATABASE_URL")
        return cls(
            public_key=public,
            secret_key=secret,
            url=get("NEXTAUTH_URL", default=DEFAULT_URL).rstrip("/"),
            session_secret=get("NEXTAUTH_SECRET", default=secrets.token_urlsafe(32)),
            email=get("LANGFUSE_INIT_USER_EMAIL").lower(),
            password=password,
            user_name=get("LANGFUSE_INIT_USER_NAME", default="Provisioned User"),
            org_id=org,
            org_name=get("LANGFUSE_INIT_ORG_NAME", default="Provisioned Org"),
            project_id=project,
            project_name=get("LANGFUSE_INIT_PROJECT_NAME", default="Provisioned Project"),
            database_url=url,
            direct_url=get("DIRECT_URL", default=url),
            sign_up=get("AUTH_DISABLE_SIGNUP") != "true",
        )
