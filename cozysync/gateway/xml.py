"""XML that phones send: none may declare a document type, so there is nothing to expand."""

from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from wsgidav.dav_error import HTTP_BAD_REQUEST, DAVError


def refuse_bombs(environ: dict[str, Any]) -> None:
    """Look through a body that is in memory; raises `DAVError` unless it is harmless XML."""
    body = environ["wsgi.input"].getvalue()
    if not body:
        return
    try:
        fromstring(body, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError, RecursionError):
        raise DAVError(HTTP_BAD_REQUEST, "The body is no XML as WebDAV has it.") from None
