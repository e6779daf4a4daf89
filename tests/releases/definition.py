"""Whether clients, manifests and stored WeldModels of one release go on with the definition of another. Pure.

Only what could refuse, lose or re-interpret something is told; what is looser than before, or new, is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.releases.changes import ABSENT, told
from weld_operator.kinds import Object

LOWER_BOUNDS = ("minimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "maxLength", "maxItems", "maxProperties")
TEXTS = ("description", "title", "example", "externalDocs")
"""Keywords that decide nothing."""

LOOSER_WHEN_SET = ("nullable", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
"""Switches: to set one takes more than before."""

RULES = "x-kubernetes-validations"


@dataclass(frozen=True)
class Incompatibility:
    """One thing that may break; `field` is by what it is accepted."""

    field: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.field}: {self.sentence}"


def incompatibilities(before: Object, after: Object) -> list[Incompatibility]:
    """What the definition `after` takes from those who know `before`; both are CustomResourceDefinitions."""
    return [*_of_names(before["spec"], after["spec"]), *_of_versions(before["spec"], after["spec"])]


def _of_names(old: Object, new: Object) -> Iterator[Incompatibility]:
    if old["scope"] != new["scope"]:
        yield Incompatibility("scope", f"{told(old['scope'], new['scope'])}; objects are found elsewhere")
    if old["group"] != new["group"]:
        yield Incompatibility("group", f"{told(old['group'], new['group'])}; every manifest names it")
    for name, was in old["names"].items():
        now = new["names"].get(name, ABSENT)
        if isinstance(was, list):
            for each in was:
                if not isinstance(now, list) or each not in now:
                    yield Incompatibility(f"names.{name}", f"{each!r} is gone; people and scripts type it")
        elif was != now:
            yield Incompatibility(f"names.{name}", f"{told(was, now)}; clients know it by that name")


def _of_versions(old: Object, new: Object) -> Iterator[Incompatibility]:
    versions = {version["name"]: version for version in new["versions"]}
    for was in old["versions"]:
        name = was["name"]
        now = versions.get(name)
        if now is None or (was["served"] and not now["served"]):
            yield Incompatibility(
                f"version {name}", "is not served any more; every manifest of that version is refused"
            )
            continue
        if was["storage"] and not now["storage"]:
            yield Incompatibility(
                f"version {name}", "is not the stored one any more; a rollback could not read objects"
            )
        for subresource in was.get("subresources", {}):
            if subresource not in now.get("subresources", {}):
                yield Incompatibility(f"subresource {subresource}", "is gone; whoever writes it is refused")
        yield from _of_columns(was, now)
        yield from _of_schema(was["schema"]["openAPIV3Schema"], now["schema"]["openAPIV3Schema"], "")


def _of_columns(old: Object, new: Object) -> Iterator[Incompatibility]:
    columns = {column["name"]: column for column in new.get("additionalPrinterColumns", [])}
    for was in old.get("additionalPrinterColumns", []):
        now = columns.get(was["name"])
        field = f"column {was['name']}"
        if now is None:
            yield Incompatibility(field, "is gone")
            continue
        for keyword in ("jsonPath", "type"):
            if now[keyword] != was[keyword]:
                yield Incompatibility(field, f"{keyword} {told(was[keyword], now[keyword])}")
        if now.get("priority", 0) > was.get("priority", 0):
            yield Incompatibility(field, "is shown with --output=wide only")


def _of_schema(old: Object, new: Object, path: str) -> Iterator[Incompatibility]:
    """One node of the schema and all below it."""
    for keyword in sorted(old.keys() | new.keys()):
        was, now = old.get(keyword, ABSENT), new.get(keyword, ABSENT)
        match keyword:
            case "properties":
                yield from _of_properties(old, new, path)
            case "items" | "additionalProperties" if isinstance(was, dict) and isinstance(now, dict):
                yield from _of_schema(was, now, f"{path}[]")
            case "required":
                yield from _of_required(old, new, path)
            case "enum":
                yield from _of_enum(was, now, path)
            case "x-kubernetes-validations":
                yield from _of_rules(old, new, path)
            case _:
                if was != now and (sentence := _of_keyword(keyword, was, now)):
                    yield Incompatibility(f"{path or 'the document'} {keyword}", f"{told(was, now)}; {sentence}")


def _of_properties(old: Object, new: Object, path: str) -> Iterator[Incompatibility]:
    properties = new.get("properties", {})
    for name, was in old.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        if name not in properties:
            yield Incompatibility(inner, "is gone; what was written there is refused or lost")
        else:
            yield from _of_schema(was, properties[name], inner)


def _of_required(old: Object, new: Object, path: str) -> Iterator[Incompatibility]:
    for name in new.get("required", []):
        if name not in old.get("required", []) and "default" not in new.get("properties", {}).get(name, {}):
            inner = f"{path}.{name}".lstrip(".")
            yield Incompatibility(
                f"{inner} required", "is required now and has no default; what leaves it out is refused"
            )


def _of_enum(was: object, now: object, path: str) -> Iterator[Incompatibility]:
    if not isinstance(now, list):
        return
    if not isinstance(was, list):
        yield Incompatibility(f"{path} enum", f"only {now} are taken now")
        return
    for value in was:
        if value not in now:
            yield Incompatibility(f"{path} enum", f"{value!r} is not taken any more")


def _of_rules(old: Object, new: Object, path: str) -> Iterator[Incompatibility]:
    known = {rule["rule"] for rule in old.get(RULES, [])}
    for rule in new.get(RULES, []):
        if rule["rule"] not in known:
            sentence = f"a new rule may refuse what was taken: {rule['rule']}"
            yield Incompatibility(f"{path or 'the document'} rule", sentence)


def _of_keyword(keyword: str, was: object, now: object) -> str:
    """What a changed keyword breaks; empty where it breaks nothing."""
    if keyword in TEXTS:
        return ""
    if keyword == "default":
        return "the same manifest means something else"
    if keyword in LOOSER_WHEN_SET:
        return "" if now is True else "less is taken than before"
    if keyword in LOWER_BOUNDS or keyword in UPPER_BOUNDS:
        return "" if _is_looser(keyword, was, now) else "what was taken is refused"
    if keyword == "pattern":
        return "" if now is ABSENT else "what was taken may be refused"
    # Any other: a type, a format, how a list is merged, or a keyword that this list does not know yet.
    return "what was written may be read in another way or refused"


def _is_looser(keyword: str, was: object, now: object) -> bool:
    """Whether a bound that differs lets more through."""
    if now is ABSENT:
        return True
    if not isinstance(was, int | float) or not isinstance(now, int | float):
        return False
    return now < was if keyword in LOWER_BOUNDS else now > was
