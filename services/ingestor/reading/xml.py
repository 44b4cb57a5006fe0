"""XML, parsed so that it can neither reach out nor blow up."""

import re
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element

from services.ingestor.cleaning.characters import one_line
from shared.errors import DamagedDocument

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+", re.IGNORECASE)


def parsed(name: str, data: bytes) -> _Element:
    """Parse without network, DTDs or entities, and take the namespaces off all names.

    Args:
        name: the file's name, for the message.
        data: the whole file.

    Raises:
        DamagedDocument: it is no well-formed XML.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as exc:
        raise DamagedDocument(
            f"{name}: the XML is broken or cut short ({exc}); download or export it again"
        ) from exc
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = etree.QName(element).localname
    return root


def spaced(element: _Element) -> str:
    """Give all of an element's text, with a space where one child ends and the next begins."""
    return one_line(" ".join(map(str, element.itertext())))


def whole(element: _Element) -> str:
    """Give all of an element's text as it stands."""
    return one_line("".join(map(str, element.itertext())))


def children(element: _Element) -> Iterator[tuple[str, _Element]]:
    """Go through an element's children with their names; other nodes are left out."""
    for child in element:
        if isinstance(child.tag, str):
            yield child.tag, child


def local(element: _Element, name: str) -> str:
    """Give an attribute's value, whatever namespace it is in; "" for none."""
    found = (value for key, value in element.attrib.items() if str(key).rsplit("}", 1)[-1] == name)
    return str(next(found, ""))


def doi(text: str) -> str:
    """Find a DOI in a text, lower case and without a resolver's address; "" for none."""
    found = _DOI.search(text)
    return found[0].rstrip(".,;:)]}").lower() if found else ""
