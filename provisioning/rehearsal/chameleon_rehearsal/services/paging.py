"""Parts of a list: `limit`, `marker` and `fields`, as OpenStack's services read them."""

from typing import Any

from fastapi import Request

from chameleon_rehearsal.services import refusals

#: Query parameters that choose a part of a list, and no row of it.
PARAMETERS = frozenset(
    {"limit", "marker", "sort_key", "sort_dir", "sort", "fields", "page_reverse"}
)

Row = dict[str, Any]


def page(request: Request, rows: list[Row], key: str = "id") -> tuple[list[Row], str | None]:
    """Return the rows that `limit` and `marker` ask for, and the address of the next page.

    Args:
        rows: All rows, in the order of the list.
        key: The field of a row that a marker names.

    Returns:
        The address is None unless rows follow.

    Raises:
        RefusalError: 400 in the form of the service; the limit is no number, or no row has the
            marker.
    """
    query, path = request.query_params, request.url.path
    limit_text, marker = query.get("limit"), query.get("marker")
    if marker:
        marked = [number for number, row in enumerate(rows) if str(row[key]) == marker]
        if not marked:
            raise refusals.of_service(path, 400, f"marker [{marker}] not found", "InvalidInput")
        rows = rows[marked[0] + 1 :]
    if limit_text is None:
        return rows, None
    if not limit_text.isdecimal():
        message = f"Invalid limit: '{limit_text}' is not a whole number of 0 or more"
        raise refusals.of_service(path, 400, message, "BadRequest")
    limit = int(limit_text)
    if limit == 0 or limit >= len(rows):
        return rows, None
    shown = rows[:limit]
    following = request.url.include_query_params(marker=shown[-1][key])
    return shown, str(following)


def links(collection: str, following: str | None) -> Row:
    """Return the field in which Nova, Neutron and Cinder name the next page; none without one."""
    if following is None:
        return {}
    return {f"{collection}_links": [{"rel": "next", "href": following}]}


def chosen(request: Request, row: Row) -> Row:
    """Return the fields of a row that `fields` names, all of them where it names none."""
    fields = request.query_params.getlist("fields")
    return {name: row[name] for name in fields if name in row} if fields else row
