"""Uploads that can be broken off and gone on with (tus 1.0, <https://tus.io/protocols>).

What has come of a content is a file in the view's staging; how far it is good, and what it is to
become, stands in a small database beside it. The row is the truth: bytes beyond its offset count
for nothing, and a file without a row is thrown away. Nothing of an upload is in the tree before all
of it is here; then the view takes it in one step.
"""

from cozysync.gateway.sync_api.uploads.tus import TusUploads

__all__ = ["TusUploads"]
