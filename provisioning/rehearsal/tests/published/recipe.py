"""Write the data that the rehearsal is compared with, from OpenStack's own source packages.

`python recipe.py FOLDER` asks pip for the source packages of `SOURCES`, unpacks them in FOLDER, and
writes two files: `forms.json` beside this one (keys and kinds of each published sample) and the
package's `published/requests.json` (the schemas by which the services check requests). No line of
the packages' code and no value of a sample is copied. Nothing of the packages is run, except the
modules that define schemas.
"""

import hashlib
import importlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import types
from pathlib import Path
from typing import Any

from chameleon_rehearsal.forms import form

HERE = Path(__file__).parent
REQUESTS = HERE.parents[1] / "chameleon_rehearsal" / "published" / "requests.json"

#: The packages, all under Apache-2.0, by the name of their repository at opendev.org/openstack.
SOURCES = {
    "nova": "nova==34.0.0",
    "neutron-lib": "neutron-lib==5.0.1",
    "keystone": "keystone==30.0.0",
    "glance": "glance==33.0.0",
    "zun": "zun==18.0.0",
    "blazar": "blazar==18.0.0",
    "cinder": "cinder==29.0.0",
}

#: Schemas: service and request, then module, and the first microversion of each name in it.
NOVA = "nova.api.openstack.compute.schemas"
SCHEMAS: list[tuple[str, str, str, dict[str, str]]] = [
    (
        "nova",
        "POST servers",
        f"{NOVA}.servers",
        {
            "2.1": "create",
            "2.19": "create_v219",
            "2.32": "create_v232",
            "2.33": "create_v233",
            "2.37": "create_v237",
            "2.42": "create_v242",
            "2.52": "create_v252",
            "2.57": "create_v257",
            "2.63": "create_v263",
            "2.67": "create_v267",
            "2.74": "create_v274",
            "2.90": "create_v290",
            "2.94": "create_v294",
        },
    ),
    (
        "nova",
        "PUT servers",
        f"{NOVA}.servers",
        {"2.1": "update", "2.19": "update_v219", "2.90": "update_v290", "2.94": "update_v294"},
    ),
    (
        "nova",
        "POST os-keypairs",
        f"{NOVA}.keypairs",
        {"2.1": "create", "2.2": "create_v22", "2.10": "create_v210", "2.92": "create_v292"},
    ),
    ("nova", "POST reboot", f"{NOVA}.servers", {"2.1": "reboot"}),
    ("nova", "POST os-stop", f"{NOVA}.servers", {"2.1": "stop_server"}),
    ("nova", "POST os-start", f"{NOVA}.servers", {"2.1": "start_server"}),
    (
        "nova",
        "POST rebuild",
        f"{NOVA}.servers",
        {
            "2.1": "rebuild",
            "2.19": "rebuild_v219",
            "2.54": "rebuild_v254",
            "2.57": "rebuild_v257",
            "2.63": "rebuild_v263",
            "2.90": "rebuild_v290",
            "2.94": "rebuild_v294",
        },
    ),
    ("nova", "POST metadata", f"{NOVA}.server_metadata", {"2.1": "create"}),
    ("nova", "PUT metadata", f"{NOVA}.server_metadata", {"2.1": "update"}),
    (
        "zun",
        "POST containers",
        "zun.api.controllers.v1.schemas.containers",
        {"1.1": "container_create", "1.40": "container_create_v140"},
    ),
    *(
        ("zun", request, "zun.api.controllers.v1.schemas.containers", {"1.1": name})
        for request, name in (
            ("query execute", "query_param_execute_command"),
            ("query DELETE containers", "query_param_delete"),
            ("query rename", "query_param_rename"),
            ("query logs", "query_param_logs"),
        )
    ),
    ("keystone", "POST tokens", "keystone.auth.schema", {"3": "token_issue"}),
    (
        "cinder",
        "POST volumes",
        "cinder.api.schemas.volumes",
        {"3.0": "create", "3.13": "create_volume_v313", "3.47": "create_volume_v347"},
    ),
]

#: Neutron's maps of attributes: the collection, and the definitions whose attributes it has.
NEUTRON = {
    "networks": ("network", "port_security", "external_net", "provider_net"),
    "subnets": ("subnet",),
    "ports": ("port", "port_security", "portbindings", "allowedaddresspairs"),
    "routers": ("l3", "l3_ext_gw_mode", "extraroute"),
    "floatingips": ("l3",),
}
#: Attributes that Neutron itself defines, not its library.
NEUTRON_OWN: dict[str, dict[str, Any]] = {
    "ports": {"security_groups": {"type": ["array", "null"], "items": {"type": "string"}}},
    "networks": {"availability_zone_hints": {"type": "array", "items": {"type": "string"}}},
    "routers": {"availability_zone_hints": {"type": "array", "items": {"type": "string"}}},
}


def unpack(folder: Path) -> dict[str, Path]:
    """Return the folders of the source packages, fetched and unpacked where they are missing."""
    roots = {}
    for name, wanted in SOURCES.items():
        version = wanted.partition("==")[2]
        stem = f"{name.replace('-', '_')}-{version}"
        archive = folder / f"{stem}.tar.gz"
        if not archive.exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
            subprocess.run([*pip, ":all:", "--dest", str(folder), wanted], check=True)
        if not (folder / stem).exists():
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
        roots[name] = folder / stem
    return roots


def provenance(roots: dict[str, Path]) -> dict[str, dict[str, str]]:
    """Return for each package: repository, commit, package, its hash, and its licence."""
    rows = {}
    for name, root in roots.items():
        archive = root.with_name(f"{root.name}.tar.gz")
        build = json.loads(next(root.glob("*.egg-info/pbr.json")).read_text())
        rows[name] = {
            "repository": f"https://opendev.org/openstack/{name}",
            "commit": build["git_version"],
            "package": SOURCES[name],
            "sha256": _sha256(archive),
            "licence": "Apache-2.0",
        }
    return rows


def sample(text: str) -> Any:
    """Return the value of a published sample; some of Blazar's are almost JSON."""
    try:
        return json.loads(text)
    except ValueError:
        # Python's dictionaries as text over several lines, strings that go on, commas too many.
        text = re.sub(r'"cpu_info": "\{.*?\}\}",', '"cpu_info": "{}",', text, flags=re.S)
        text = re.sub(r"'(\{|\[)", r"\1", text)
        text = re.sub(r'"(\s*\n\s*")', r'",\1', text)
        text = re.sub(r'",+,', '",', text)
        return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def forms(roots: dict[str, Path]) -> dict[str, Any]:
    """Return the forms of the samples that `forms.toml` lists."""
    rows = {}
    table = tomllib.loads((HERE / "forms.toml").read_text(encoding="utf-8"))
    for entry in table["forms"]:
        name, _, path = entry["sample"].partition("/")
        file = roots[name] / path
        value = sample(file.read_text(encoding="utf-8"))
        for step in entry["at"]:
            value = value[step]
        rows[entry["name"]] = {
            "sample": entry["sample"],
            "sha256": _sha256(file),
            "at": entry["at"],
            "status": entry["status"],
            "form": form(value),
        }
    return rows


class _StandIn(types.ModuleType):
    """A module that a schema's module imports and that holds no schema."""

    MAX_TAG_LENGTH = 60
    MAX_TAG_COUNT = 50
    LOG_BINARIES = ()
    DB_MAX_INT = 0x7FFFFFFF

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.__dict__.get("__path__"):
            raise AttributeError(name)
        return lambda *arguments, **_options: arguments[0] if arguments else None


class _Options:
    """Zun's options: chi-in-a-box sets every minimum to 0."""

    image_driver_list = ("glance", "docker")

    def __getattr__(self, name: str) -> int:
        return 0 if name.startswith("minimum") else 10**9


#: Imports of schemas from other packages that are not installed.
_STAND_INS = (
    "nova.i18n",
    "nova.objects.tag",
    "nova.objects.instance",
    "keystone.exception",
    "keystone.i18n",
    "cinder.common.constants",
    "cinder.i18n",
    "zun.conf",
)
#: Packages whose submodules hold schemas, but whose own module does not.
_VALIDATION = {
    "keystone": "keystone.common.validation",
    "nova": "nova.api.validation",
    "cinder": "cinder.api.validation",
}


def module(root: Path, dotted: str) -> Any:
    """Import one module of schemas from a source package, with stand-ins for its imports."""
    top = dotted.partition(".")[0]

    def package(name: str) -> types.ModuleType:
        if name not in sys.modules:
            module = _StandIn(name)
            inside = root / name.replace(".", "/")
            module.__path__ = [str(inside)] if inside.is_dir() else []
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(package(parent), child, module)
        return sys.modules[name]

    parents = dotted.split(".")
    for count in range(1, len(parents)):
        package(".".join(parents[:count]))
    for name in _STAND_INS:
        if name.startswith(f"{top}."):
            package(name)
    if top == "zun":
        sys.modules["zun.conf"].CONF = _Options()
    if top in _VALIDATION:
        package(_VALIDATION[top])
    return importlib.import_module(dotted)


def requests(roots: dict[str, Path]) -> dict[str, Any]:
    """Return the schemas of requests by service and request, each by its first microversion."""
    rows: dict[str, Any] = {}
    for service, request, dotted, versions in SCHEMAS:
        file = roots[service] / f"{dotted.replace('.', '/')}.py"
        loaded = module(roots[service], dotted)
        schemas = {first: getattr(loaded, name) for first, name in versions.items()}
        rows[f"{service} {request}"] = {
            "path": f"{service}/{file.relative_to(roots[service])}",
            "sha256": _sha256(file),
            "schemas": schemas,
        }
    # Chameleon's Zun takes device profiles from 1.41 on, a list or null.
    containers = rows["zun POST containers"]["schemas"]
    newest = json.loads(json.dumps(containers["1.40"]))
    newest["properties"]["device_profiles"] = {"type": ["array", "null"]}
    containers["1.41"] = newest
    for collection, names in NEUTRON.items():
        rows |= neutron(roots["neutron-lib"], collection, names)
    return rows


def neutron(root: Path, collection: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the schemas of a collection's POST and PUT, made of Neutron's maps of attributes."""
    files = [root / "neutron_lib" / "api" / "definitions" / f"{name}.py" for name in names]
    attributes: dict[str, dict[str, Any]] = {}
    for name in names:
        definition = importlib.import_module(f"neutron_lib.api.definitions.{name}")
        attributes |= definition.RESOURCE_ATTRIBUTE_MAP.get(collection, {})
    attributes["project_id"] = attributes["tenant_id"]
    rows = {}
    for verb, key in (("POST", "allow_post"), ("PUT", "allow_put")):
        allowed = {name: each for name, each in attributes.items() if each[key]}
        properties = {name: _attribute(each) for name, each in allowed.items()}
        properties["description"] = {"type": "string", "maxLength": 255}
        properties |= NEUTRON_OWN.get(collection, {})
        needed = [name for name, each in allowed.items() if "default" not in each]
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if verb == "POST":
            schema["required"] = [n for n in needed if n not in ("tenant_id", "project_id")]
        rows[f"neutron {verb} {collection}"] = {
            "path": [f"neutron-lib/{file.relative_to(root)}" for file in files],
            "sha256": [_sha256(file) for file in files],
            "schemas": {"2.0": schema},
        }
    return rows


#: What Neutron's `convert_to_boolean` reads.
_BOOLEAN = {"enum": [True, False, 1, 0, "true", "false", "True", "False", "1", "0"]}
_UUID = {"type": "string", "format": "uuid"}
_FIXED_IPS = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "properties": {"subnet_id": _UUID, "ip_address": {"type": "string", "format": "ip"}},
        "additionalProperties": False,
    },
}
#: JSON Schema of Neutron's validators, by their names.
_VALIDATORS: dict[str, dict[str, Any]] = {
    "type:uuid": _UUID,
    "type:uuid_or_none": {"type": ["string", "null"], "format": "uuid"},
    "type:boolean": _BOOLEAN,
    "type:ip_address_or_none": {"type": ["string", "null"], "format": "ip"},
    "type:subnet_or_none": {"type": ["string", "null"], "format": "cidr"},
    "type:subnetpool_id_or_none": {"type": ["string", "null"]},
    "type:mac_address": {"type": "string", "pattern": "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"},
    "type:non_negative": {"type": ["integer", "string", "null"], "minimum": 0},
    "type:fixed_ips": _FIXED_IPS,
    "type:ip_pools": {"type": ["array", "null"], "items": {"type": "object"}},
    "type:hostroutes": {"type": ["array", "null"], "items": {"type": "object"}},
    "type:nameservers": {
        "type": ["array", "null"],
        "items": {"type": "string", "format": "ip"},
    },
}


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an attribute of Neutron's."""
    converter = getattr(attribute.get("convert_to"), "__name__", "")
    if converter == "convert_to_boolean":
        return _BOOLEAN
    for name, argument in (attribute.get("validate") or {}).items():
        if name in ("type:string", "type:name_string"):
            return {"type": "string", "maxLength": argument}
        if name == "type:values":
            numbers = [number for number in argument if isinstance(number, int)]
            return {"enum": [*argument, *map(str, numbers)]}
        if name == "type:dict_or_nodata":
            inner = {
                key: next((_VALIDATORS[rule] for rule in rules if rule in _VALIDATORS), {})
                for key, rules in argument.items()
            }
            if "enable_snat" in argument:
                inner["enable_snat"] = _BOOLEAN
            needed = [key for key, rules in argument.items() if rules.get("required")]
            schema = {"type": ["object", "null"], "properties": inner, "required": needed}
            return schema | {"additionalProperties": False}
        return _VALIDATORS.get(name, {})
    return {}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main(folder: Path) -> None:
    """Write both files."""
    roots = unpack(folder)
    sources = provenance(roots)
    target = folder / "library"
    if not target.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
        subprocess.run([*pip, SOURCES["neutron-lib"]], check=True)
    sys.path.append(str(target))
    write(HERE / "forms.json", sources, "forms", forms(roots))
    write(REQUESTS, sources, "requests", requests(roots))


def write(file: Path, sources: dict[str, Any], name: str, rows: dict[str, Any]) -> None:
    """Write a table as JSON, one line a row, so that a change of one row is one line."""
    lines = [f'  "{key}": {json.dumps(row)}' for key, row in rows.items()]
    table = ",\n".join(lines)
    head = json.dumps(sources, indent=1)
    file.write_text(f'{{\n"sources": {head},\n"{name}": {{\n{table}\n}}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
