from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass
class Engine:
    """A DuckDB that counts the queries it is asked."""

    connection: object
    queries: int = 0
    tables: int = 0

    def table(self, frame):
        import pyarrow as pa

        types = {"row": pa.int64(), "score": pa.float64()}
        schema = pa.schema([(name, types.get(name, pa.string())) for name in frame])
        return self.register(pa.table(dict(frame), schema=schema))

    def register(self, table):
        import ibis

        self.tables += 1
        name = f"table_{id(self)}_{self.tables}"
        self.connection.register(name, table)
        return ibis.table(ibis.Schema.from_pyarrow(table.schema), name=name)

    def run(self, expression) -> list[dict[str, object]]:
        import ibis

        self.queries += 1
        answer = self.connection.execute(str(ibis.to_sql(expression, dialect="duckdb")))
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture(scope="session")
def _connection():
    import duckdb

    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def engine(_connection) -> Engine:
    return Engine(_connection)


@dataclass(frozen=True)
class Sample:
    """Seeded predictions of an imperfect model, as plain arrays and as the canonical columns."""

    y: object
    score: object
    predicted: object
    sex: object
    age: object

    def columns(self) -> dict[str, object]:
        return {
            "row": list(range(len(self.y))),
            "label": [str(int(v)) for v in self.y],
            "prediction": [str(int(v)) for v in self.predicted],
            "score": [float(v) for v in self.score],
            "cohort:sex": list(self.sex),
            "cohort:age": list(self.age),
        }


@pytest.fixture(scope="session")
def sample() -> Callable[..., Sample]:
    def make(n: int = 2_000, seed: int = 7, decimals: int | None = None, shift: float = 1.2) -> Sample:
        import numpy as np

        rng = np.random.default_rng(seed)
        y = (rng.random(n) < 0.3).astype(int)
        score = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + shift * y - 0.9)))
        if decimals is not None:
            score = np.round(score, decimals)
        return Sample(
            y,
            score,
            (score >= 0.5).astype(int),
            rng.choice(["F", "M", None], n, p=[0.4, 0.55, 0.05]),
            rng.choice(["young", "middle", "old"], n, p=[0.2, 0.5, 0.3]),
        )

    return make
