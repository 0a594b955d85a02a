"""What pages say of models: what each scores and who asks it, what it did, how its scores lie, what of it drifts."""

from __future__ import annotations

from risk_stream.console.models.rows import ModelRow, page_of_model, rows_of

__all__ = ["ModelRow", "page_of_model", "rows_of"]
