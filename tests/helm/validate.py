"""Validates Kubernetes objects strictly, as a server that refuses unknown fields would.

Reads from standard input a JSON list of {"place": ..., "version": "1.27", "object": {...}}; the arguments are files of
CustomResourceDefinitions. Built-in kinds are held against kubernetes-validate's schemas of the version, the others against their
definition. Writes a line for each fault, and the number of objects. An object of an unknown kind is a fault.
"""

import functools
import json
import sys

import jsonschema
import yaml
from kubernetes_validate import utils

# The definitions of a version are some megabytes, and are read again for each object otherwise.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)


def closed(schema):
    """The schema, with every object that lists its fields closed to others, and in plain JSON schema."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string") is True:
        schema["type"] = ["integer", "string"]
    if schema.get("nullable") is True:
        schema["type"] = [schema["type"], "null"]
    fields = schema.get("properties")
    if schema.get("type") == "object" and fields and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def definitions(files):
    """The schema of every served version of every definition, by apiVersion and kind."""
    found = {}
    for file in files:
        with open(file, encoding="utf-8") as text:
            for definition in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                spec = definition["spec"]
                for version in spec["versions"]:
                    key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                    schema = closed(version["schema"]["openAPIV3Schema"])
                    found[key] = jsonschema.Draft202012Validator(schema)
    return found


def faults(item, custom):
    """What is wrong with an object."""
    version, thing = item["version"], item["object"]
    validator = custom.get((thing["apiVersion"], thing["kind"]))
    try:
        if validator is None:
            utils.validate(thing, version, strict=True)
            return
        # Metadata is the same for all kinds, and definitions leave it open.
        bearer = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": thing["metadata"]}
        utils.validate(bearer, version, strict=True)
    except utils.SchemaNotFoundError as error:
        yield error.message
    except jsonschema.ValidationError as error:
        yield described(error)
    if validator is not None:
        yield from map(described, validator.iter_errors(thing))


def described(error):
    """Where, and what."""
    return f"{'.'.join(map(str, error.path))}: {error.message[:300]}"


def main():
    custom = definitions(sys.argv[1:])
    items = json.load(sys.stdin)
    for item in items:
        thing = item["object"]
        for fault in faults(item, custom):
            print(f"{item['place']} at {item['version']}: {thing['kind']} {thing['metadata']['name']}: {fault}")
    print(f"{len(items)} objects")


main()
