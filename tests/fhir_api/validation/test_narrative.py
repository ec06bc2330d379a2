"""What a narrative may hold, tried as an attacker would."""

from __future__ import annotations

import pytest

from fhir_api.validation.narrative import is_narrative, objection


def div(content: str, attributes: str = "") -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"{attributes}>{content}</div>'


GOOD = [
    div("text"),
    div("<p>a <b>b</b><br/></p><ul><li>c</li></ul>", ' class="x" xml:lang="rw" lang="rw"'),
    div('<table><tbody><tr><td colspan="2" style="width: 20%; color: #333">a</td></tr></tbody></table>'),
    div('<a href="https://example.org/a?b=c">a</a><a href="#b">b</a><a name="b"/><a href="Patient/1">c</a>'),
    div('<img src="#image" alt="x"/>'),
    div('<img src="data:image/png;base64,iVBORw0KGgo="/>'),
    div("a &lt; b &amp; c &#160;"),
    div('<td style="background-image: url(tbl_bck10.png)">a</td>'),
    div('<td style="background-image: url(data:image/png;base64,iVBORw0KGgo=)">a</td>'),
    div("a <!-- note --> b"),
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a</h:p></h:div>',
]
BAD = [
    "",
    "text",
    "<div>text</div>",
    '<p xmlns="http://www.w3.org/1999/xhtml">a</p>',
    div(""),
    div(" \n <p> </p>"),
    div("<p>a"),
    div("<b><i>a</b></i>"),
    div("a") + "b",
    div("a &nbsp; b"),
    div("<script>alert(1)</script>"),
    div("<SCRIPT>alert(1)</SCRIPT>"),
    div('<s:script xmlns:s="http://www.w3.org/1999/xhtml">alert(1)</s:script>'),
    div('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script>a</svg>'),
    div('<math xmlns="http://www.w3.org/1998/Math/MathML">a</math>'),
    div('<x:p xmlns:x="urn:x">a</x:p>'),
    div('<iframe src="https://example.org"/>a'),
    div('<object data="a.swf"/>a'),
    div("<style>p { }</style>a"),
    div('<link rel="stylesheet" href="a.css"/>a'),
    div('<form action="/"><input/></form>a'),
    div('<base href="//example.org"/>a'),
    div('<meta http-equiv="refresh" content="0"/>a'),
    div('<p onclick="alert(1)">a</p>'),
    div('<img src="a.png" onerror="alert(1)"/>'),
    div('<p ONCLICK="alert(1)">a</p>'),
    div("a", ' onmouseover="alert(1)"'),
    div('<a href="javascript:alert(1)">a</a>'),
    div('<a href=" JaVaScRiPt:alert(1)">a</a>'),
    div('<a href="java&#9;script:alert(1)">a</a>'),
    div('<a href="&#1;javascript:alert(1)">a</a>'),
    div('<a href="vbscript:x">a</a>'),
    div('<a href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;">a</a>'),
    div('<a xlink:href="javascript:alert(1)" xmlns:xlink="http://www.w3.org/1999/xlink">a</a>'),
    div('<img src="javascript:alert(1)"/>'),
    div('<img src="data:image/svg+xml;base64,PHN2Zz4="/>'),
    div('<img src="data:text/html;base64,PHN2Zz4="/>'),
    div('<p style="background: url(https://example.org/a.png)">a</p>'),
    div('<p style="background: u\\72l(https://example.org/a.png)">a</p>'),
    div('<p style="background: url(/a.png)">a</p>'),
    div('<p style="background: url(data:image/svg+xml;base64,PHN2Zz4=)">a</p>'),
    div('<p style="background: image-set(//example.org/a.png 1x)">a</p>'),
    div('<p style="background: uurl(a.png)rl(//example.org/a.png)">a</p>'),
    div('<p style="width: expression(alert(1))">a</p>'),
    div('<p style="-moz-binding: none">a</p>'),
    div('<p style="wi/**/dth: 1px">a</p>'),
    div("<!--><img src=x onerror=alert(1)>-->a"),
    div("<!---><img src=x onerror=alert(1)>-->a"),
    div("<![CDATA[><img src=x onerror=alert(1)>]]>a"),
    div("<?x ><img src=x onerror=alert(1)>?>a"),
    '<?xml-stylesheet href="a.css"?>' + div("a"),
    '<!DOCTYPE div [<!ENTITY a "aaaa">]>' + div("&a;"),
    '<!DOCTYPE div SYSTEM "file:///etc/passwd">' + div("a"),
    div("\x00a"),
    div("\ud800"),
    div("a" * (1024 * 1024)),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_narrative_is_accepted(text: str) -> None:
    assert is_narrative(text)


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_narrative_is_refused(text: str) -> None:
    assert not is_narrative(text)


@pytest.mark.parametrize("value", [None, 1, True, [], {}])
def test_only_text_is_a_narrative(value: object) -> None:
    assert not is_narrative(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            div("<p>a</p><ul><li><script>x</script></li></ul>"),
            "the element 'script' is not allowed (in div/ul/li/script)",
        ),
        (div("<p>a</p><p onclick='x'>b</p>"), "the attribute 'onclick', or what it holds, is not allowed (in div/p)"),
        (div("\n<p>&nbsp;</p>"), "undefined entity, line 2 of it) (in div/p)"),
        (div(" "), "it has neither text nor an image"),
        ("", "it is empty or longer than 1 MB"),
        (div("\ud800"), "it has half a character"),
    ],
)
def test_an_objection_names_the_place(text: str, expected: str) -> None:
    found = objection(text)
    assert found is not None
    assert found.endswith(expected)


@pytest.mark.parametrize("text", [*GOOD, *BAD], ids=range(len(GOOD) + len(BAD)))
def test_verdict_and_objection_agree(text: str) -> None:
    assert is_narrative(text) == (objection(text) is None)
