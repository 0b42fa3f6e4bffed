"""What all sections of the configuration share: one pydantic model a step, one file a stage.

Imports pydantic only. Defaults live in ``config/config.yaml`` alone; a field without a value there
is an error here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
Device = Literal["auto", "cpu", "cuda"]


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Channel(Section):
    """One input volume of the network."""

    name: Name = Field(description="column of the subjects table and part of file names")
    kind: Literal["mri", "dose"] = Field(description="how the volume is prepared")
