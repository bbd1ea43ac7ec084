"""The protocol's messages: ours must be those that published clients carry, field by field, or clients break."""

import pathlib
import subprocess

import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tritonclient.grpc import model_config_pb2, service_pb2

PROTO = pathlib.Path(__file__).parents[2] / "proto"


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The descriptors of proto/, by file name."""
    out = tmp_path_factory.mktemp("protos") / "all.pb"
    files = sorted(path.name for path in PROTO.glob("*.proto"))
    subprocess.run(["protoc", f"-I{PROTO}", f"--descriptor_set_out={out}", *files], check=True)
    found = descriptor_pb2.FileDescriptorSet()
    found.ParseFromString(out.read_bytes())
    return {file.name: file for file in found.file}


def theirs(module):
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def fields_of(message, name):
    """Every field as what a peer would notice: number, type, label, oneof; nested messages and enums likewise."""
    oneofs = [one.name for one in message.oneof_decl]
    facts = {}
    for field in message.field:
        one = oneofs[field.oneof_index] if field.HasField("oneof_index") else None
        # Whether repeated numbers are packed is a default of proto3 that either side may spell out.
        facts[f"{name}.{field.name}"] = (field.number, field.type, field.type_name, field.label, one,
                                         field.proto3_optional, field.default_value)
    for nested in message.nested_type:
        facts[f"{name}.{nested.name}"] = ("message", nested.options.map_entry)
        facts |= fields_of(nested, f"{name}.{nested.name}")
    for enum in message.enum_type:
        facts[f"{name}.{enum.name}"] = values_of(enum)
    return facts


def values_of(enum):
    return sorted((value.number, value.name) for value in enum.value)


def facts_of(file, package=None):
    """Of a whole file. `package` stands in for the file's own where two are compared under different names."""
    file_package = file.package
    facts = {"syntax": file.syntax, "package": package or file_package}
    for message in file.message_type:
        facts[message.name] = ("message",)
        facts |= fields_of(message, message.name)
    for enum in file.enum_type:
        facts[enum.name] = values_of(enum)
    for service in file.service:
        for method in service.method:
            facts[f"{service.name}/{method.name}"] = (method.input_type, method.output_type, method.client_streaming,
                                                      method.server_streaming)
    if package:
        facts = {key: rename(value, file_package, package) for key, value in facts.items()}
    return facts


def rename(value, old, new):
    if isinstance(value, str):
        return value.replace(f".{old}.", f".{new}.")
    return tuple(rename(part, old, new) for part in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name, module", [
    ("model_config.proto", model_config_pb2),
    ("grpc_service.proto", service_pb2),
    ("health.proto", health_pb2),
    ("reflection_v1alpha.proto", reflection_pb2),
])
def test_messages_are_those_of_the_clients(ours, name, module):
    assert facts_of(ours[name]) == facts_of(theirs(module))


def test_both_versions_of_reflection_say_the_same(ours):
    assert facts_of(ours["reflection.proto"], "grpc.reflection.v1alpha") == facts_of(theirs(reflection_pb2))


def test_a_difference_would_be_seen(ours):
    """The comparison itself: a number, a label or a name that changed makes two files unequal."""
    original = ours["grpc_service.proto"]
    for change in (lambda field: setattr(field, "number", 99),
                   lambda field: setattr(field, "name", "other"),
                   lambda field: setattr(field, "label", field.LABEL_REPEATED)):
        changed = descriptor_pb2.FileDescriptorProto()
        changed.CopyFrom(original)
        change(next(message for message in changed.message_type if message.name == "ModelReadyRequest").field[0])
        assert facts_of(changed) != facts_of(original)
