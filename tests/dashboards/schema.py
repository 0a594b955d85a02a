"""What Grafana's published model of a dashboard (version 39 to 41 of its schema) says of the parts that ours have.

Written from that model, and closed: a name that it does not know is refused, for Grafana would pass over it in silence.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DASHBOARD"]

TEXT, FLAG, NUMBER, WHOLE = {"type": "string"}, {"type": "boolean"}, {"type": "number"}, {"type": "integer"}
COLOUR = {"type": "string", "pattern": r"^(#[0-9A-F]{6}|rgba\(\d+, \d+, \d+, [\d.]+\))$"}


def one_of(*values: object) -> dict[str, Any]:
    return {"enum": list(values)}


def every(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def closed(*, needs: tuple[str, ...] = (), **of: dict[str, Any]) -> dict[str, Any]:
    """An object of these members and no other; `needs` names those it cannot be without."""
    return {"type": "object", "properties": of, "required": list(needs), "additionalProperties": False}


SOURCE = closed(needs=("type", "uid"), type=TEXT, uid=TEXT)
LINK = closed(needs=("title", "url"), title=TEXT, url=TEXT, targetBlank=FLAG)
PLACE = closed(
    needs=("x", "y", "w", "h"),
    x={"type": "integer", "minimum": 0, "maximum": 23},
    y={"type": "integer", "minimum": 0},
    w={"type": "integer", "minimum": 1, "maximum": 24},
    h={"type": "integer", "minimum": 1},
)
REDUCE = closed(values=FLAG, calcs=every(one_of("lastNotNull")), fields=TEXT)

#: The options of each type of panel that we use.
OPTIONS = {
    "stat": closed(
        reduceOptions=REDUCE,
        orientation=one_of("auto", "horizontal", "vertical"),
        textMode=one_of("auto", "value", "value_and_name", "name", "none"),
        wideLayout=FLAG,
        colorMode=one_of("none", "value", "background", "background_solid"),
        graphMode=one_of("none", "line", "area"),
        justifyMode=one_of("auto", "center"),
    ),
    "bargauge": closed(
        reduceOptions=REDUCE,
        orientation=one_of("auto", "horizontal", "vertical"),
        displayMode=one_of("basic", "lcd", "gradient"),
        valueMode=one_of("color", "text", "hidden"),
        namePlacement=one_of("auto", "top", "left", "hidden"),
        showUnfilled=FLAG,
        sizing=one_of("auto", "manual"),
        minVizHeight=WHOLE,
        minVizWidth=WHOLE,
        maxVizHeight=WHOLE,
    ),
    "table": closed(showHeader=FLAG, cellHeight=one_of("sm", "md", "lg")),
    "timeseries": closed(
        legend=closed(
            displayMode=one_of("list", "table", "hidden"),
            placement=one_of("bottom", "right"),
            showLegend=FLAG,
            calcs=every(TEXT),
        ),
        tooltip=closed(mode=one_of("single", "multi", "none"), sort=one_of("none", "asc", "desc")),
    ),
}
CUSTOM = closed(
    drawStyle=one_of("line", "bars", "points"),
    lineWidth={"type": "integer", "minimum": 0, "maximum": 10},
    fillOpacity={"type": "integer", "minimum": 0, "maximum": 100},
    showPoints=one_of("auto", "never", "always"),
    spanNulls={"type": ["boolean", "number"]},
    stacking=closed(mode=one_of("none", "normal", "percent"), group=TEXT),
    align=one_of("auto", "left", "right", "center"),
    filterable=FLAG,
)
STEPS = every(closed(needs=("color", "value"), color=COLOUR, value={"type": ["number", "null"]}))
DEFAULTS = closed(
    unit=TEXT,
    min=NUMBER,
    max=NUMBER,
    decimals={"type": "integer", "minimum": 0},
    noValue=TEXT,
    color=closed(needs=("mode",), mode=one_of("thresholds", "palette-classic", "continuous-BlYlRd", "fixed")),
    thresholds=closed(needs=("mode", "steps"), mode=one_of("absolute", "percentage"), steps=STEPS),
    mappings=every({"type": "object"}),
    custom=CUSTOM,
    links=every(LINK),
)
OVERRIDE = closed(
    needs=("matcher", "properties"),
    matcher=closed(needs=("id", "options"), id=one_of("byName", "byRegexp", "byType"), options=TEXT),
    properties=every(closed(needs=("id", "value"), id=TEXT, value={"type": "object"})),
)
TARGET = closed(
    needs=("refId", "datasource", "expr"),
    refId={"type": "string", "pattern": "^[A-Z]$"},
    datasource=SOURCE,
    editorMode=one_of("code", "builder"),
    expr=TEXT,
    legendFormat=TEXT,
    range=FLAG,
    instant=FLAG,
    format=one_of("time_series", "table", "heatmap"),
)


def panel(kind: str) -> dict[str, Any]:
    return closed(
        needs=("id", "type", "title", "datasource", "gridPos", "targets", "fieldConfig", "options"),
        id={"type": "integer", "minimum": 1},
        type=one_of(kind),
        title=TEXT,
        description=TEXT,
        datasource=SOURCE,
        gridPos=PLACE,
        targets=every(TARGET),
        fieldConfig=closed(needs=("defaults", "overrides"), defaults=DEFAULTS, overrides=every(OVERRIDE)),
        options=OPTIONS[kind],
        transformations=every(closed(needs=("id", "options"), id=TEXT, options={"type": "object"})),
    )


ROW = closed(
    needs=("id", "type", "title", "collapsed", "gridPos", "panels"),
    id={"type": "integer", "minimum": 1},
    type=one_of("row"),
    title=TEXT,
    collapsed=FLAG,
    gridPos=PLACE,
    panels=every({"type": "object"}),
)
MARK = closed(
    needs=("name", "datasource", "enable", "iconColor"),
    name=TEXT,
    datasource=SOURCE,
    enable=FLAG,
    hide=FLAG,
    iconColor=COLOUR,
    type=one_of("dashboard", "tags"),
    builtIn=one_of(0, 1),
    expr=TEXT,  # and what Prometheus's own annotations have besides
    step=TEXT,
    titleFormat=TEXT,
    textFormat=TEXT,
    tagKeys=TEXT,
    useValueForTime=FLAG,
)
VALUE = closed(text={"type": ["string", "array"]}, value={"type": ["string", "array"]}, selected=FLAG)
VARIABLE = closed(
    needs=("name", "type"),
    name=TEXT,
    label=TEXT,
    type=one_of("query", "adhoc", "constant", "datasource", "interval", "textbox", "custom"),
    datasource=SOURCE,
    definition=TEXT,
    query={"type": ["string", "object"]},
    refresh=one_of(0, 1, 2),
    sort={"type": "integer", "minimum": 0, "maximum": 8},
    multi=FLAG,
    includeAll=FLAG,
    allValue=TEXT,
    current=VALUE,
    options=every(VALUE),
    regex=TEXT,
    hide=one_of(0, 1, 2),
    skipUrlSync=FLAG,
)
DASHBOARD = closed(
    needs=("uid", "title", "schemaVersion", "panels", "templating", "annotations", "time"),
    uid={"type": "string", "pattern": "^[a-z-]{8,40}$"},
    title=TEXT,
    description=TEXT,
    tags=every(TEXT),
    schemaVersion={"type": "integer", "minimum": 39, "maximum": 41},
    version=WHOLE,
    editable=FLAG,
    graphTooltip=one_of(0, 1, 2),
    fiscalYearStartMonth={"type": "integer", "minimum": 0, "maximum": 11},
    timezone=TEXT,
    weekStart=TEXT,
    liveNow=FLAG,
    refresh=TEXT,
    time=closed(needs=("from", "to"), **{"from": TEXT, "to": TEXT}),
    timepicker=closed(refresh_intervals=every(TEXT), hidden=FLAG),
    links=every(
        closed(
            needs=("type", "title"),
            type=one_of("link", "dashboards"),
            title=TEXT,
            tags=every(TEXT),
            asDropdown=FLAG,
            includeVars=FLAG,
            keepTime=FLAG,
            icon=one_of("external link", "dashboard", "question", "info", "bolt", "doc", "cloud"),
            tooltip=TEXT,
            url=TEXT,
            targetBlank=FLAG,
        )
    ),
    annotations=closed(list=every(MARK)),
    templating=closed(list=every(VARIABLE)),
    panels=every({"oneOf": [ROW, *(panel(kind) for kind in OPTIONS)]}),
)
