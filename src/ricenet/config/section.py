"""What all sections of the configuration share: one pydantic model a step, one file a stage.

Imports pydantic only. Defaults live in ``config/config.yaml`` alone; a field without a value there
is an error here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
Device = Literal["auto", "cpu", "cuda"]
MASK_KEYS = ("of", "values", "volume_ml", "inside_brain")


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Channel(Section):
    """One input volume of the network, or a mask that is prepared and shown with them."""

    name: Name = Field(description="column of the subjects table and part of file names")
    kind: Literal["mri", "dose", "mask"] = Field(description="how the volume is prepared")
    of: Name | None = Field(default=None, description="image that a mask was drawn on, or ct")
    values: tuple[PositiveInt, ...] = Field(
        default=(), description="values of a converted mask that count; empty: its only one"
    )
    volume_ml: tuple[PositiveFloat, PositiveFloat] | None = Field(
        default=None, description="smallest and largest volume of this mask; else the section's"
    )
    inside_brain: Fraction | None = Field(
        default=None, description="least share of this mask in the brain; else the section's"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> Channel:
        own = [key for key in MASK_KEYS if getattr(self, key) not in (None, ())]
        if self.kind != "mask" and own:
            raise ValueError(f"{own} are keys of masks; {self.name!r} is a {self.kind}")
        if self.kind == "mask" and not self.of:
            raise ValueError(f"of: name the image that {self.name!r} was drawn on")
        if self.volume_ml and self.volume_ml[0] >= self.volume_ml[1]:
            raise ValueError("volume_ml: write the smallest volume first, then the largest")
        return self
