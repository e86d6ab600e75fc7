"""Answers one question about manifests: JSON on standard input, JSON out.

render    {"chart": path, "release": ..., "namespace": ..., "cases": {name: values}}
          -> {name: {"refused": text or null, "lint": [text], "text": {template: text},
                     "objects": [object]}}
validate  {"versions": [...], "objects": [object]} -> [complaint]
admit     {"policy": object, "cases": {name: {"object": ..., "oldObject": ...,
          "namespaceObject": ..., "request": ...}}}
          -> {name: {"matched": bool, "allowed": bool, "message": text, "audit": {key: text}}}
"""

import json
import sys

import yaml


def render(about):
    import helm_python as helm

    chart = helm.Chart.load(about["chart"])
    answers = {}
    for name, values in about["cases"].items():
        answer = {"refused": None, "lint": [], "text": {}, "objects": []}
        answers[name] = answer
        try:
            chart.validate_schema(values)
            answer["text"] = chart.render(
                values, name=about["release"], namespace=about["namespace"]
            )
        except helm.HelmError as error:
            answer["refused"] = str(error)
            continue
        report = helm.lint(about["chart"], values, strict=True, namespace=about["namespace"])
        # 1 is advice, such as to have an icon.
        answer["lint"] = report["errors"] + [
            f"{message['path']}: {message['error']}"
            for message in report["messages"]
            if message["severity"] > 1
        ]
        for template, text in answer["text"].items():
            if template.endswith(".yaml"):
                answer["objects"] += [found for found in yaml.safe_load_all(text) if found]
    return answers


def validate(about):
    import kubernetes_validate as kubernetes

    complaints = []
    for thing in about["objects"]:
        name = f"{thing['kind']}/{thing['metadata']['name']}"
        if thing["apiVersion"].startswith("monitoring.coreos.com/"):
            complaints += [f"{name}: {what}" for what in operator(thing)]
            continue
        for version in about["versions"]:
            try:
                kubernetes.validate(thing, version, strict=True)
            except kubernetes.ValidationError as error:
                place = ".".join(str(part) for part in error.path)
                complaints.append(f"{name}, Kubernetes {version}: {place}: {error.message}")
            except kubernetes.SchemaNotFoundError as error:
                complaints.append(f"{name}: {error.message}")
    return complaints


def operator(thing):
    from cloudcoil.models.prometheus_operator import v1
    from pydantic import ValidationError

    try:
        parsed = getattr(v1, thing["kind"]).model_validate(thing)
    except ValidationError as error:
        return [str(error)]
    # A field that is not known is left out in silence, and missed here.
    kept = parsed.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return list(unknown(thing, kept, ""))


def unknown(given, kept, place):
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{place}.{key} is no field"
            else:
                yield from unknown(value, kept[key], f"{place}.{key}")
    elif isinstance(given, list):
        for number, (one, other) in enumerate(zip(given, kept)):
            yield from unknown(one, other, f"{place}[{number}]")


def admit(about):
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_strings

    names = ["object", "oldObject", "namespaceObject", "request", "variables"]
    environment = cel.NewEnv(
        variables={name: cel.Type.DYN for name in names}, extensions=[ext_strings.ExtStrings()]
    )
    spec = about["policy"]["spec"]

    def value(expression, data):
        result = environment.compile(expression).eval(data=data)
        if result.type() == cel.Type.ERROR:
            raise ValueError(f"{result.value()} in {expression}")
        return result.plain_value()

    answers = {}
    for name, case in about["cases"].items():
        data = {**case, "variables": {}}
        if not all(value(one["expression"], data) for one in spec["matchConditions"]):
            answers[name] = {"matched": False, "allowed": True, "message": "", "audit": {}}
            continue
        for variable in spec["variables"]:
            data["variables"][variable["name"]] = value(variable["expression"], data)
        failed = [one for one in spec["validations"] if not value(one["expression"], data)]
        audit = {one["key"]: value(one["valueExpression"], data) for one in spec["auditAnnotations"]}
        answers[name] = {
            "matched": True,
            "allowed": not failed,
            "message": "; ".join(value(one["messageExpression"], data) for one in failed),
            # An empty text is no annotation.
            "audit": {key: text for key, text in audit.items() if text},
        }
    return answers


def main():
    answer = {"render": render, "validate": validate, "admit": admit}[sys.argv[1]]
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


main()
