"""A piece of LaTeX without structure to the words that a page would show."""

import re
import unicodedata

_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "c": "\u0327", "v": "\u030c", "H": "\u030b", "k": "\u0328", "r": "\u030a",
    "u": "\u0306", "b": "\u0331", "d": "\u0323",
}  # fmt: skip
_ACCENT = re.compile(
    r"""\\(?:(['`^"~=.])\s*|([cvHkrubd])(?:\s+|(?=\{)))(?:\{\\?([^\W\d_])\}|\\?([^\W\d_]))"""
)
# The characters themselves, as readers expect them.
# ruff: noqa: RUF001
_LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å", "l": "ł", "L": "Ł", "i": "i", "j": "j", "S": "§", "P": "¶", "dag": "†",
    "ldots": "…", "dots": "…", "cdots": "…", "textellipsis": "…", "textendash": "–",
    "textemdash": "—", "textquoteright": "’", "textbackslash": "\\", "textasciitilde": "~",
    "textdegree": "°", "degree": "°", "circ": "°", "times": "×", "cdot": "·", "pm": "±",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "sim": "∼", "infty": "∞", "rightarrow": "→", "to": "→", "leftarrow": "←", "in": "∈",
    "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "sqrt": "√", "ll": "≪",
    "gg": "≫", "propto": "∝", "ell": "ℓ", "varepsilon": "ε", "varphi": "φ", "vartheta": "ϑ",
    "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "quad": " ", "qquad": " ", "par": " ",
    "R": "R", "newline": " ", "linebreak": " ", "space": " ", "colon": ":",
}  # fmt: skip
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
    "omega",
)
for _name in _GREEK:
    _unicode = "lamda" if _name == "lambda" else _name
    _LETTERS[_name] = unicodedata.lookup(f"GREEK SMALL LETTER {_unicode}")
    _LETTERS[_name.title()] = unicodedata.lookup(f"GREEK CAPITAL LETTER {_unicode}")
_DROPPED = frozenset(
    (
        *("label", "index", "vspace", "hspace", "bibliographystyle", "bibliography", "input"),
        *("include", "includegraphics", "pagestyle", "thispagestyle", "setlength", "setcounter"),
        *("ref", "pageref", "eqref", "autoref", "cref", "Cref", "nocite", "addcontentsline"),
        *(
            "footnote",
            "footnotetext",
            "email",
            "orcid",
            "vskip",
            "hskip",
            "color",
            "fontsize",
            "hypersetup",
            "graphicspath",
            "thanks",
            "tag",
        ),
    )
)
_COMMAND = re.compile(
    r"\\([A-Za-z]++)\*?+(?:\s*\[[^\]]{0,200}\])*(?:\s*(\{[^{}]{0,2000}\})|(?!\s*\{))"
)
_LEFT_OVER = re.compile(r"\\[A-Za-z]+\*?")
_CITE = re.compile(r"[Cc]ite[a-zA-Z]*|footcite|parencite|textcite")
_RAISED = re.compile(r"\^(?:\{([\d+-]{1,6})\}|(\d))")
_UNICODE_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_PLAIN = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), ("~", "\u00a0"))
_ESCAPED = re.compile(r"\\([&%$#_{}])")
_BREAK = re.compile(r"\\\\(?:\[[^\]]{0,20}\])?|\\[,;:!/> @-]|\$")
_SLASH = "\ue001"  # private use, too: a backslash that begins no command
_HIDDEN = "\ue000"  # private use: an escaped sign, while braces and dollars go


def words(source: str) -> str:
    """Give the words of a piece of LaTeX.

    Sources cited keep their keys, in brackets; formulas keep their signs; numbers of sections and
    figures are left out, for the source does not know them.

    Args:
        source: without comments, sections and environments.
    """
    escaped: list[str] = []

    def hide(found: re.Match[str]) -> str:
        escaped.append(found[1])
        return _HIDDEN

    text = _ESCAPED.sub(hide, source.replace(_HIDDEN, ""))
    text = _ACCENT.sub(_accented, text)
    for sign, plain in _PLAIN:
        text = text.replace(sign, plain)
    text = _RAISED.sub(lambda m: (m[1] or m[2]).translate(_UNICODE_RAISED), text)
    text = _BREAK.sub(_lone, text)
    for _ in range(8):  # commands within the arguments of commands
        text, count = _COMMAND.subn(_command, text)
        if not count:
            break
    text = _LEFT_OVER.sub("", text)
    text = text.translate({ord("{"): None, ord("}"): None, ord("$"): None})
    signs = iter(escaped)
    text = text.replace(_SLASH, "\\")
    return "".join(next(signs) if letter == _HIDDEN else letter for letter in text)


def literal(text: str) -> str:
    """Write a text so that `words` gives it back as it stands."""
    return re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", _SLASH))


def _lone(found: re.Match[str]) -> str:
    """Write a sign that only sets room."""
    return "" if found[0] in ("$", "\\-", "\\/", "\\!", "\\@") else " "


def _accented(found: re.Match[str]) -> str:
    """Write a letter with its accent."""
    letter = found[3] or found[4]
    return unicodedata.normalize("NFC", letter + _ACCENTS[found[1] or found[2]])


def _command(found: re.Match[str]) -> str:
    """Write what a command shows: for most their argument."""
    name, argument = found[1], (found[2] or "")[1:-1]
    if name in _DROPPED:
        return ""
    if _CITE.fullmatch(name):
        return f"[{argument}]" if argument else ""
    if name in _LETTERS:
        return _LETTERS[name] + (f" {argument}" if argument else "")
    return "" if name == "href" else argument  # the words of a link are its second argument
