"""The interface does what its own documentation says: a short pass of Schemathesis with every check."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from kg.api import Limits, create_app
from kg.vocab import ENTITIES_GRAPH, ONTOLOGY_GRAPH

APP = create_app(limits=Limits(timeout_s=2, workers=1))
schemathesis.openapi.format("sparql-query", st.sampled_from(["ASK {}", "SELECT ?x { ?x a kg:Pledge } LIMIT 3"]))
schemathesis.openapi.format("graph-uri", st.sampled_from([ENTITIES_GRAPH, ONTOLOGY_GRAPH]))
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@pytest.mark.filterwarnings("ignore")
def test_every_answer_is_what_the_documentation_says(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


def test_every_route_is_documented_with_an_example_of_its_problems() -> None:
    document = TestClient(APP).get("/openapi.json").json()
    assert len(document["paths"]) > 40
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (path, method)
            assert "default" in operation["responses"], path
            assert "422" not in operation["responses"], path
    assert "additionalProperties" in json.dumps(document["components"]["schemas"]["Entity"]), "a closed model"
