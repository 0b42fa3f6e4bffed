"""What all sections of the configuration share: one pydantic model a step, one file a stage.

Imports pydantic only. Defaults live in ``config/config.yaml`` alone; a field without a value there
is an error here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from ricenet import channels

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
Device = Literal["auto", "cpu", "cuda"]
NOT_GIVEN = (None, "", ())  # values of keys that a kind of channel does not take


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Channel(Section):
    """One input volume of the network, or a mask that is prepared and shown with them."""

    name: Name = Field(description="column of the subjects table and part of file names")
    kind: Literal["mri", "dose", "mask"] = Field(description="how the volume is prepared")
    visit: Name | Literal[""] = Field(
        default="", description="visit of an MRI; those of one visit are of one day; else its own"
    )
    sequence: Literal["", "T1ce", "T1", "T2", "FLAIR"] = Field(
        default="", description="of an MRI; T1ce, T1 with contrast agent, if it is not given"
    )
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

    @model_validator(mode="before")
    @classmethod
    def _of_its_own_visit(cls, values: Any) -> Any:
        """Fill in what an MRI is that says nothing: T1 with contrast agent of a visit of its own.

        Empty texts are no visit and no sequence, whatever the kind.
        """
        if not isinstance(values, dict):
            return values
        kind = channels.KINDS.get(str(values.get("kind")))
        if kind is None or not kind.is_scan:
            return values
        own = {"visit": values.get("name"), "sequence": channels.ENHANCING}
        return values | {key: values.get(key) or value for key, value in own.items()}

    @model_validator(mode="after")
    def _of_its_kind(self) -> Channel:
        kind = channels.KINDS[self.kind]
        foreign = {k: row.words for row in channels.KINDS.values() for k in row.keys}
        given = {key for key in foreign if getattr(self, key) not in NOT_GIVEN}
        if wrong := sorted(given - set(kind.keys)):
            raise ValueError(
                f"{wrong} are keys of {foreign[wrong[0]]}; {self.name!r} is {kind.words}"
            )
        if missing := [key for key in kind.needed if key not in given]:
            raise ValueError(f"{missing[0]}: name the image that {self.name!r} was drawn on")
        if self.volume_ml and self.volume_ml[0] >= self.volume_ml[1]:
            raise ValueError("volume_ml: write the smallest volume first, then the largest")
        return self

    @property
    def row(self) -> channels.Kind:
        """How channels of this kind are treated."""
        return channels.KINDS[self.kind]
