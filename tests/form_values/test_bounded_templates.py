"""Templates of users: the usual ones are rendered, and none takes long or makes something large."""

from __future__ import annotations

import time
from typing import Any

import jinja2
import pytest

from prefect.form_values import bounded_templates

CONTEXT: dict[str, Any] = {
    "event": {"resource": {"name": "load"}, "rows": [1, 2, 3]},
    "names": ["b", "a"],
    "number": 12,
    "text": "some text",
}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("plain", "plain"),
        ("{{ event.resource.name|upper }}: {{ nothing.at.all }}", "LOAD: "),
        ("{% for row in event.rows %}{{ loop.index }}/{{ loop.length }}={{ row }} {% endfor %}", "1/3=1 2/3=2 3/3=3 "),
        ("{% for name in names|sort %}{{ name }}{% if not loop.last %},{% endif %}{% endfor %}", "a,b"),
        ("{% for name in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for key, value in event.resource.items() %}{{ key ~ '=' ~ value }}{% endfor %}", "name=load"),
        ("{{ number * 2 + 1 }} {{ 2 ** 10 }} {{ 'ab' * 3 }} {{ 7 % 4 }} {{ [1] + [2] }}", "25 1024 ababab 3 [1, 2]"),
        ("{{ 'n: %03d' % number }} {{ '{:>4}'.format(number) }} {{ '%s!'|format(text) }}", "n: 012   12 some text!"),
        ("{{ text.replace('some', 'any') }} {{ names|join('-') }}", "any text b-a"),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('a') }}", "aa"),
        ("{% set s = namespace(n=0) %}{% for i in range(5) %}{% set s.n = s.n + i %}{% endfor %}{{ s.n }}", "10"),
        ("{{ number }}{{ number|string ~ None }}", "1212None"),
    ],
)  # fmt: skip
def test_render_returns_what_jinja_does(template: str, rendered: str) -> None:
    assert bounded_templates.render(template, CONTEXT) == rendered


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{% if n %}{% set y = f(n - 1) %}{{ y }}{{ y }}{% else %}x{% endif %}{% endmacro %}{{ f(60) }}",
        "{% set ns = namespace(s='xx') %}{% for i in range(90) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='xx') %}{% for i in range(90) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set s = namespace(t='xx') %}{% for i in range(90) %}{% set s.t = s.t|replace('x', 'xxxxx') %}{% endfor %}",
        "{% set ns = namespace(n=7) %}{% for i in range(90) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 'a' * 10000000000 }}",
        "{{ [0] * 10000000000 }}",
        "{{ 'a'|center(10000000000) }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ [1]|batch(10000000000, 'x')|list }}",
        "{{ [1]|slice(10000000000)|list }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ '%*d' % (10000000000, 1) }}",
        "{{ '%10000000000d'|format(1) }}",
        "{{ '{:10000000000}'.format(1) }}",
        "{{ '{:{w}}'.format(1, w=10000000000) }}",
        "{{ range(99999)|join('x' * 99999) }}",
    ],
)  # fmt: skip
def test_render_refuses_what_would_take_long(template: str) -> None:
    begun = time.monotonic()
    with pytest.raises((bounded_templates.TemplateTooLarge, RecursionError, OverflowError)):
        bounded_templates.render(template, CONTEXT)
    assert time.monotonic() - begun < 5


def test_render_has_no_way_out_of_the_sandbox() -> None:
    for template in ("{{ names.append('c') }}", "{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}"):
        with pytest.raises(jinja2.exceptions.SecurityError):
            bounded_templates.render(template, CONTEXT)
    with pytest.raises(jinja2.exceptions.UndefinedError):
        bounded_templates.render("{{ lipsum(1) }}", CONTEXT)


def test_render_counts_each_template_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_templates, "MAX_STEPS", 100)
    for _ in range(5):
        assert bounded_templates.render("{% for i in items %}{{ i }}{% endfor %}", {"items": range(40)}).startswith(
            "0123"
        )
