"""What a door answers, in HTTP, for what a view did not do."""

from http import HTTPStatus

from cozysync.gateway import errors

_STATUS: dict[type[errors.ViewError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Exists: HTTPStatus.PRECONDITION_FAILED,
    errors.NotDirectory: HTTPStatus.CONFLICT,
    errors.IsDirectory: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.BadPath: HTTPStatus.BAD_REQUEST,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Stale: HTTPStatus.PRECONDITION_FAILED,
    errors.NoRoom: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CursorGone: HTTPStatus.GONE,
}


def status_of(error: errors.ViewError) -> HTTPStatus:
    """The status that says this to a phone."""
    return _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
