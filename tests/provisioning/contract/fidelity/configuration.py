"""The configuration of the real services: SQLite files, loopback, no broker."""

from __future__ import annotations

from pathlib import Path

REGION = "CHI@TACC"
_KEYSTONE = """
[database]
connection = sqlite:///{folder}/keystone.sqlite3
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
"""
_TOKENS = """
[keystone_authtoken]
auth_type = password
auth_url = {identity}
username = service
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
region_name = {region}
interface = public
"""
_BLAZAR = """
[DEFAULT]
transport_url = fake://
host = 127.0.0.1
os_auth_protocol = http
os_auth_host = 127.0.0.1
os_auth_port = {identity_port}
os_auth_version = v3
os_admin_username = service
os_admin_password = {password}
os_admin_project_name = service
os_admin_user_domain_name = Default
os_admin_project_domain_name = Default
identity_service = identity
os_region_name = {region}
endpoint_type = public
log_file = {folder}/blazar.log
[database]
connection = sqlite:///{folder}/blazar.sqlite3
[manager]
plugins = physical.host.plugin
[nova]
endpoint_override = {compute}
[enforcement]
enabled_filters =
"""
_GLANCE = """
[DEFAULT]
transport_url = fake://
log_file = {folder}/glance.log
enabled_backends = files:file
worker_self_reference_url = http://127.0.0.1:1
[database]
connection = sqlite:///{folder}/glance.sqlite3
[paste_deploy]
flavor = keystone
config_file = {paste}
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {folder}/images
[oslo_policy]
enforce_new_defaults = false
"""


def write(folder: Path, environment: Path, identity_port: int, compute: str, password: str) -> None:
    """Write the three services' files into a folder.

    Args:
        folder: Where files, databases and logs go.
        environment: The environment that holds the services; Glance's paste file lies in its `etc`.
        identity_port: Keystone's port.
        compute: The address of the stand-in for Nova.
        password: The service user's password.
    """
    values = {
        "folder": folder,
        "identity": f"http://127.0.0.1:{identity_port}/v3",
        "identity_port": identity_port,
        "compute": compute,
        "password": password,
        "region": REGION,
        "paste": environment / "etc" / "glance" / "glance-api-paste.ini",
    }
    for name in ("fernet", "credential", "images"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "keystone.conf").write_text(_KEYSTONE.format(**values), encoding="utf-8")
    (folder / "blazar.conf").write_text((_BLAZAR + _TOKENS).format(**values), encoding="utf-8")
    (folder / "glance-api.conf").write_text((_GLANCE + _TOKENS).format(**values), encoding="utf-8")
