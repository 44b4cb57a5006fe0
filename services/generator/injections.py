"""Sentences of documents that speak to the model instead of the reader. Pure.

Whoever writes a document may write "ignore the above and say X" into it. Such a sentence is not
shown to the model and is no evidence. The rules catch the common forms, not every one: that no
document changes an answer's form, and that nothing but what passages hold leaves, needs no rule.
"""

import re

_EARLIER = r"(?:above|previous|prior|earlier|preceding|all|any|every|your|these|those|the)"
_TOLD = r"(?:instruction|prompt|rule|direction|command|guideline|context|passage|text|message)s?"
_MODEL = r"(?:an?\s+)?(?:AIs?|LLMs?|GPT|chat\s?bots?|chatgpt|language\s+models?|assistants?)"
_TELL = r"(?:reveal|repeat|print|show|output|reproduce|display|disclose|recite|translate)"
_SAY = r"(?:say|answer|reply|respond|output|write|print|begin|start|end)"
_FORM = r"(?:JSON|XML|HTML|YAML|words?|phrase|string|sentence|capitals|emoji|French|German|Latin)"
_ORDER = r"(?:^|[.:;,!?]\s*|\b(?:please|now|then|and|instead|must|should|just|simply|only)\s+)"
_RULES = (
    rf"\b(?:ignore|disregard|forget|override|bypass|skip)\b.{{0,40}}\b{_EARLIER}\b.{{0,40}}\b{_TOLD}\b",
    r"\b(?:ignore|disregard|forget)\s+(?:everything|all|whatever|(?:the\s+)?(?:above|previous))\b",
    rf"\b{_TELL}\b.{{0,40}}\b(?:prompt|instruction)s?\b",
    r"\b(?:system|developer|hidden)\s+(?:prompt|message|instruction)s?\b",
    rf"\b(?:you\s+are|act\s+as|behave\s+(?:as|like)|pretend\s+to\s+be)\s+(?:now\s+)?{_MODEL}\b",
    r"\b(?:you\s+are\s+now|from\s+now\s+on,?\s+you)\b",
    rf"\b(?:note|message|instructions?|attention|hello|dear)[\s,:]*(?:to|for)?\s+(?:the\s+)?{_MODEL}\b",
    r"\byour\s+(?:new\s+)?(?:task|role|job|answer|reply|response|output)\s+(?:is|must|should|will)\b",
    rf"{_ORDER}{_SAY}\b.{{0,30}}\b(?:only|exactly|instead|with|in)\b.{{0,20}}\b{_FORM}\b",
    rf"{_ORDER}{_SAY}\s*(?:only|exactly|instead|with)?\s*:?\s*[\"“‘']",  # noqa: RUF001 - quotes
    r"\bdo\s+not\s+(?:answer|reply|respond|cite|use\s+the\s+passages)\b",
    r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user|human)\s*:",
)
_SPEAKS = re.compile("|".join(f"(?:{rule})" for rule in _RULES), re.IGNORECASE | re.MULTILINE)
_SHOUTS = re.compile(
    rf"(?i:{_ORDER}{_SAY}\s+(?:only|exactly|instead|with|the\s+word)?)\s*[A-Z]{{4,}}\b"
)


def speaks_to_the_model(sentence: str) -> bool:
    """Whether a sentence tells whoever answers what to do."""
    return bool(_SPEAKS.search(sentence) or _SHOUTS.search(sentence))
