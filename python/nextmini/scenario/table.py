"""What all tables of a scenario share."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """Unknown keys are errors, types are not converted, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
