"""The process in which a person's own SQL runs: it starts fresh, knows no secret, opens no file, and ends with one
answer.

It is started by reports/sandbox.py with a text to judge and two open files, one to read the tables from and one to
write the answer to. It imports nothing of Ballast. What it says on its output are lines of JSON:

1. it reads {"sql", "relations", "rows", "memory"}; it answers {"tables": {name: [columns]}} or {"refused": why};
2. it reads {"sizes": {name: bytes}} once the tables stand in the file; it answers {"rows": n} or {"refused": why}.

The judge is DuckDB's own parser: exactly one SELECT, and every part of what it understood stands in a list below. What
is in no list is refused, so that a newer DuckDB opens nothing by itself.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import sys
from collections.abc import Iterator
from typing import Any

LONGEST = 20_000
_GIGABYTE = 1 << 30
_FILE_LIMIT = 64 << 20

QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE"}
TABLES = {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EMPTY_FROM", "EXPRESSION_LIST"}
ENDINGS = {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
DIRECTIONS = {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
SYSTEM = ("duckdb_", "pg_", "sqlite_", "pragma_", "information_schema")
EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR",
    "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
}  # fmt: skip
TYPES = frozenset(
    """BOOLEAN BOOL TINYINT SMALLINT INTEGER INT INT4 INT8 BIGINT HUGEINT UBIGINT UINTEGER FLOAT REAL DOUBLE DECIMAL
    NUMERIC VARCHAR TEXT STRING CHAR DATE TIME TIMESTAMP DATETIME TIMESTAMPTZ INTERVAL UUID
    """.split()
) | {"TIMESTAMP WITH TIME ZONE"}  # fmt: skip
FUNCTIONS = frozenset(
    """
    count count_star sum avg mean min max median mode quantile quantile_cont quantile_disc stddev stddev_pop
    stddev_samp variance var_pop var_samp any_value first last arg_min arg_max min_by max_by bool_and bool_or count_if
    countif approx_count_distinct string_agg group_concat listagg corr covar_pop covar_samp regr_slope regr_intercept
    regr_r2 product fsum favg kahan_sum skewness kurtosis mad entropy geomean geometric_mean
    row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value last_value nth_value
    abs ceil ceiling floor round trunc sign sqrt power pow exp ln log log2 log10 mod divide fdiv greatest least
    coalesce nullif ifnull if isnan isinf isfinite add subtract multiply
    lower upper lcase ucase trim ltrim rtrim length len char_length character_length strlen left right substr substring
    replace concat concat_ws contains starts_with ends_with prefix suffix instr strpos position split_part reverse
    like_escape not_like_escape ilike_escape not_ilike_escape regexp_matches regexp_full_match regexp_extract
    regexp_replace strip_accents initcap
    date_trunc datetrunc date_part datepart date_diff datediff date_sub datesub date_add age year month day quarter week
    weekday weekofyear dayofweek dayofmonth dayofyear isodow isoyear yearweek hour minute second dayname monthname
    last_day epoch make_date strftime strptime try_strptime today current_date now get_current_timestamp
    current_timestamp time_bucket century decade era to_days to_weeks to_months to_years to_quarters to_hours
    to_minutes to_seconds timezone days_in_month
    + - * / // % ^ ** || & | << >> ~ ! ~~ !~~ ~~* !~~* ^@ <= >= = <> < > @ !__postfix
    grouping grouping_id
    """.split()
)
"""What a query may call. None of it runs text as SQL, makes much out of little, sleeps, or tells of the machine."""


class Refused(Exception):
    """The text is not run. ``why`` is a short name that reports/sandbox.py turns into a sentence."""

    def __init__(self, why: str, **facts: object) -> None:
        super().__init__(why)
        self.why, self.facts = why, facts


def examine(connection: Any, text: str, relations: dict[str, list[str]]) -> tuple[str, dict[str, list[str]]]:
    """The one SELECT in ``text`` without its semicolon, and the columns it needs of each table. Raises Refused."""
    if len(text) > LONGEST:
        raise Refused("long", longest=LONGEST)
    try:
        statements = connection.extract_statements(text)
    except Exception as problem:
        raise Refused("unreadable", problem=_first_line(problem)) from None
    if len(statements) != 1 or str(statements[0].type).rpartition(".")[2] != "SELECT":
        raise Refused("not_one_select")
    sql = str(statements[0].query).strip().rstrip(";").rstrip()
    tree = _tree(connection, sql)
    found: dict[str, str] = {}
    try:
        _judge(tree, frozenset(), {name.lower(): name for name in relations}, found)
        said = {text.lower() for text in _texts(tree)}
        everything = _takes_everything(tree)
    except RecursionError:
        raise Refused("long", longest=LONGEST) from None
    needed = {}
    for name in found.values():
        columns = relations[name]
        wanted = [one for one in columns if everything or one.lower() in said]
        needed[name] = wanted or columns[:1]
    return sql, needed


def limited(connection: Any, sql: str, rows: int) -> str:
    """The SELECT within another that takes so many rows; the parser has to see the same SELECT in it."""
    whole = f"SELECT * FROM (\n{sql}\n) AS answer LIMIT {int(rows)}"  # noqa: S608 - judged before
    if len(connection.extract_statements(whole)) != 1:
        raise Refused("not_one_select")
    inner = _tree(connection, whole)["from_table"]["subquery"]["node"]
    if _bare(inner) != _bare(_tree(connection, sql)):
        raise Refused("not_one_select")
    return whole


def _tree(connection: Any, sql: str) -> Any:
    ((told,),) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    try:
        answer = json.loads(told)
    except RecursionError:
        raise Refused("long", longest=LONGEST) from None
    if answer.get("error") or len(answer["statements"]) != 1 or answer["statements"][0].get("named_param_map"):
        raise Refused("not_one_select")
    return answer["statements"][0]["node"]


def _bare(node: Any) -> Any:
    """A tree without the places in the text."""
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if not key.startswith("query_location")}
    return [_bare(one) for one in node] if isinstance(node, list) else node


def _judge(node: Any, known: frozenset[str], relations: dict[str, str], found: dict[str, str]) -> None:
    if isinstance(node, list):
        for one in node:
            _judge(one, known, relations, found)
        return
    if not isinstance(node, dict):
        return
    for entry in (node.get("cte_map") or {}).get("map", []):
        _judge(entry["value"], known, relations, found)
        if entry["key"].lower().startswith(SYSTEM):
            raise Refused("table", name=entry["key"])
        known = known | {entry["key"].lower()}
    if "class" in node:
        _judge_expression(node)
    elif isinstance(node.get("type"), str):
        _judge_part(node, known, relations, found)
    if node.get("class") != "CONSTANT":
        _judge([value for key, value in node.items() if key != "cte_map"], known, relations, found)


def _judge_expression(node: dict[str, Any]) -> None:
    kind = node["class"]
    if kind not in EXPRESSIONS:
        raise Refused("form", name=kind.replace("_", " ").lower())
    if "function_name" in node:
        name = node["function_name"].lower()
        if node.get("schema") or node.get("catalog") or name not in FUNCTIONS:
            raise Refused("function", name=node["function_name"])
    elif kind in ("FUNCTION", "WINDOW"):
        raise Refused("form", name=kind.lower())
    if kind == "TYPE" and (node.get("schema") or node.get("catalog") or node["type_name"].upper() not in TYPES):
        raise Refused("form", name=f"the type {node['type_name']}")


def _judge_part(node: dict[str, Any], known: frozenset[str], relations: dict[str, str], found: dict[str, str]) -> None:
    kind = node["type"]
    if kind in ("TABLE_FUNCTION", "SHOW_REF"):
        function = node.get("function") or {}
        raise Refused("table_function", name=function.get("function_name") or "a description")
    if kind == "RECURSIVE_CTE_NODE":
        raise Refused("form", name="recursion")
    if kind not in QUERIES | TABLES | ENDINGS | DIRECTIONS:
        raise Refused("form", name=kind.replace("_", " ").lower())
    if kind != "BASE_TABLE":
        return
    path = (node.get("qualified_name") or {}).get("path") or [node["table_name"]]
    if node.get("schema_name") or node.get("catalog_name") or len(path) != 1 or node.get("at_clause"):
        raise Refused("qualified", name=".".join(path))
    name = node["table_name"].lower()
    if name in known:
        return
    if name not in relations:
        raise Refused("table", name=node["table_name"])
    found[name] = relations[name]


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _takes_everything(node: Any) -> bool:
    """Whether the query asks for columns without naming them."""
    if isinstance(node, dict):
        if node.get("class") == "STAR" or node.get("ref_type") == "NATURAL":
            return True
        return any(_takes_everything(value) for value in node.values())
    return isinstance(node, list) and any(_takes_everything(value) for value in node)


def open_engine(memory: str) -> Any:
    """A DuckDB in memory that opens no file, loads nothing and lets nobody change that."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": "", "memory_limit": memory, "threads": "2", "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )  # fmt: skip
    for setting in (
        "TimeZone = 'UTC'", "python_enable_replacements = false", "enable_external_access = false",
        "lock_configuration = true",
    ):  # fmt: skip
        connection.execute(f"SET {setting}")
    return connection


def main(data: int, out: int) -> None:
    """One question, one answer."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _FILE_LIMIT)
    asked = json.loads(sys.stdin.readline())
    _limit(resource.RLIMIT_CPU, int(asked["seconds"]) * 2)
    try:
        _answer(asked, data, out)
    except Refused as refused:
        _say({"refused": refused.why, "facts": refused.facts})
    except MemoryError:
        _say({"refused": "memory", "facts": {}})


def _answer(asked: dict[str, Any], data: int, out: int) -> None:
    import pyarrow as pa

    connection = open_engine(asked["memory"])
    resource.setrlimit(resource.RLIMIT_AS, (3 * _GIGABYTE, resource.RLIM_INFINITY))
    sql, tables = examine(connection, asked["sql"], asked["relations"])
    whole = limited(connection, sql, asked["rows"])
    _say({"tables": tables})
    sizes: dict[str, int] = json.loads(sys.stdin.readline())["sizes"]
    begin = sum(sizes.values())
    _limit(resource.RLIMIT_AS, 2 * _GIGABYTE + 3 * begin)
    pool = mmap.mmap(data, begin, prot=mmap.PROT_READ) if begin else b""
    start = 0
    for name, size in sizes.items():
        with pa.ipc.open_stream(pa.py_buffer(memoryview(pool)[start : start + size])) as stream:
            arrived = stream.read_all()
        _copy(connection, name, arrived)
        start += size
    _run(connection, whole, out)


def _copy(connection: Any, name: str, arrived: Any) -> None:
    """Into a table of DuckDB's own: version 2.0.0 can answer wrongly when it queries Arrow itself."""
    connection.register("arrived", arrived)
    connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arrived')  # noqa: S608 - a name of the model
    connection.unregister("arrived")
    ((count,),) = connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()  # noqa: S608
    if count != arrived.num_rows:
        raise Refused("failed", problem=f"{name} did not arrive whole")


def _run(connection: Any, sql: str, out: int) -> None:
    import duckdb
    import pyarrow as pa

    try:
        table = connection.execute(sql).to_arrow_table()
    except (duckdb.OutOfMemoryException, MemoryError):
        raise Refused("memory") from None
    except duckdb.Error as problem:
        if "bad_alloc" in str(problem) or "Out of Memory" in str(problem):
            raise Refused("memory") from None
        raise Refused("failed", problem=_first_line(problem)) from None
    try:
        with os.fdopen(out, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    except OSError:
        raise Refused("memory") from None
    _say({"rows": table.num_rows})


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n")[0][:300]


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
