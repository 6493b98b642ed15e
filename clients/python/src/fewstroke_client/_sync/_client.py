# Written by scripts/unasync.py from _async/_client.py: change that file.
"""The client."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Callable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from fewstroke_client import _form
from fewstroke_client._sync._connection import Connection
from fewstroke_client._sync._following import follow
from fewstroke_client._decode import decode
from fewstroke_client._errors import ConflictError, JobFailedError
from fewstroke_client._files import Source, opened, several, zipped
from fewstroke_client._form import (
    Blend,
    ComposeOptions,
    Labels,
    NewBatch,
    NewComposition,
    NewPoem,
    NewStory,
    NewStyle,
    NewStylization,
    PhotoOptions,
    PoemOptions,
    RenderOptions,
    StoryOptions,
    id_of,
)
from fewstroke_client._models import (
    Batch,
    BatchAccepted,
    Composition,
    CompositionAccepted,
    FileInfo,
    Image,
    ImageInfo,
    Job,
    JobEvent,
    Model,
    OneCallAccepted,
    Picture,
    Readiness,
    ResultFile,
    Style,
    StyleAccepted,
    Stylization,
    StylizationAccepted,
)
from fewstroke_client._retry import Retries
from fewstroke_client._texts import Poem, PoemAccepted, Story, StoryAccepted

T = TypeVar("T")
OnEvent = Callable[[JobEvent], object]


class Client:
    """A client of one service; every call blocks; use it as a context manager.

    ``base_url`` and ``api_key`` come from ``FEWSTROKE_URL`` and ``FEWSTROKE_KEY`` when not given; the default
    is the service on this machine, without a key. ``timeout``: seconds of silence on a connection.
    Requests are sent again when the connection fails or the service is busy (see ``Retries``), with an
    idempotency key of their own, so nothing is made twice. All errors are ``FewstrokeError``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(
            base_url, api_key, timeout=timeout, retries=retries or Retries(), transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    # Everything in one call

    def stylize_photo(
        self,
        photo: Source,
        *,
        examples: Sequence[Source] = (),
        style: Blend | None = None,
        output: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        mask: Source | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[PhotoOptions],
    ) -> Picture:
        """The photo in the style of ``examples``, or in a ``style`` that is there.

        ``output``: a file to write, whose name chooses the format. The learning options (``steps``, ``seed``,
        ``name``, ``description``) need examples. Raises JobFailedError, WaitTimeoutError, ApiError.
        """
        if bool(examples) == (style is not None):
            raise TypeError("give either examples or a style")
        options.setdefault("format", _form.format_of(output))
        masks = [] if mask is None else [mask]
        if style is not None:
            accepted: OneCallAccepted | StylizationAccepted = self._submit(
                StylizationAccepted,
                "/v1/stylizations",
                idempotency_key,
                {"contents": [photo], "mask": masks},
                _form.blend_fields(style) | _form.form(**options),
            )
        else:
            accepted = self._submit(
                OneCallAccepted,
                "/v1/stylize",
                idempotency_key,
                {"examples": several(examples), "content": [photo], "mask": masks},
                _form.form(**options),
            )
        done = self._finished(accepted.stylization, accepted.job, timeout, on_event)
        (item,) = done.items
        if item.image is None:
            raise JobFailedError(done.job, item.error)
        response = self._connection.request("GET", f"/v1/images/{item.image.id}/content")
        picture = Picture(
            data=response.content,
            media_type=response.headers.get("content-type", ""),
            image_id=item.image.id,
            job_id=done.job.id,
            style_id=done.style_id,
        )
        if output is not None:
            picture.save(output)
        return picture

    # Styles

    def learn_style(
        self,
        examples: Sequence[Source],
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewStyle],
    ) -> Style:
        """``create_style``, and wait until the style is ready. Raises JobFailedError, WaitTimeoutError."""
        accepted = self.create_style(examples, **how)
        self.wait(accepted.job, timeout=timeout, on_event=on_event)
        return self.get_style(accepted.style)

    def create_style(
        self,
        examples: Sequence[Source],
        *,
        contents: Sequence[Source] = (),
        name: str | None = None,
        description: str | None = None,
        rights: str | None = None,
        licence: str | None = None,
        steps: int | None = None,
        seed: int | None = None,
        idempotency_key: str | None = None,
    ) -> StyleAccepted:
        """Learn a style from 1 to 16 examples: pictures, works of music (MIDI, MusicXML, MXL), or
        texts (UTF-8; prose also .docx or .epub).

        ``contents``: beside pictures, photos like those that the style is for. ``rights`` and ``licence``:
        whose the examples are, and under what they may be learned from; kept in the style's file.
        """
        labels = {"name": name, "description": description, "rights": rights, "licence": licence}
        fields = _form.form(**labels, steps=steps, seed=seed)
        files = {"examples": several(examples), "contents": several(contents)}
        return self._submit(StyleAccepted, "/v1/styles", idempotency_key, files, fields)

    def get_style(self, style: str | Style) -> Style:
        """A style as it is now."""
        return self._get(Style, f"/v1/styles/{id_of(style)}")

    def list_styles(
        self,
        *,
        status: Sequence[str] = (),
        name: str | None = None,
        preset: bool | None = None,
        modality: str | None = None,
    ) -> Iterator[Style]:
        """All styles, newest first; ``name``: a part of it; ``preset``: those that come with the service;
        ``modality``: "image" or "music"."""
        filters = {"status": list(status), "name": name, "preset": preset, "modality": modality}
        for style in self._all(Style, "/v1/styles", **filters):
            yield style

    def update_style(self, style: str | Style, **changes: Unpack[Labels]) -> Style:
        """Set ``name`` and ``description``; None removes."""
        path = f"/v1/styles/{id_of(style)}"
        return decode(Style, self._connection.json("PATCH", path, json=changes))

    def relearn_style(self, style: str | Style, *, idempotency_key: str | None = None) -> StyleAccepted:
        """Learn an outdated style again from its examples. Raises ConflictError when it is not outdated, or
        the examples are gone."""
        headers = {"Idempotency-Key": idempotency_key or _form.new_key()}
        path = f"/v1/styles/{id_of(style)}/relearn"
        return decode(StyleAccepted, self._connection.json("POST", path, headers=headers))

    def delete_style(self, style: str | Style) -> None:
        """Delete a style, its file and its examples; pictures made with it stay."""
        self._delete(f"/v1/styles/{id_of(style)}")

    def export_style(self, style: str | Style, path: str | os.PathLike[str] | None = None) -> bytes:
        """The style's file (safetensors), also written to ``path``."""
        response = self._connection.request("GET", f"/v1/styles/{id_of(style)}/file")
        if path is not None:
            with open(path, "wb") as file:
                file.write(response.content)
        return response.content

    def import_style(
        self,
        file: Source,
        *,
        name: str | None = None,
        description: str | None = None,
        rights: str | None = None,
        licence: str | None = None,
        idempotency_key: str | None = None,
    ) -> Style:
        """A style from a file that ``export_style`` or ``fewstroke adapt`` wrote."""
        fields = _form.form(name=name, description=description, rights=rights, licence=licence)
        return self._submit(Style, "/v1/styles/import", idempotency_key, {"file": [file]}, fields)

    # Stylizations

    def stylize(
        self,
        contents: Source | Sequence[Source],
        style: Blend,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewStylization],
    ) -> Stylization:
        """``create_stylization``, and wait for the results. A content that fails is one failed item.

        Raises JobFailedError when the whole job failed, WaitTimeoutError.
        """
        accepted = self.create_stylization(contents, style, **how)
        return self._finished(accepted.stylization, accepted.job, timeout, on_event)

    def create_stylization(
        self,
        contents: Source | Sequence[Source],
        style: Blend,
        *,
        strength: float | None = None,
        abstraction: float | None = None,
        stroke_size: float | None = None,
        preserve_color: bool | None = None,
        size: int | None = None,
        format: str | None = None,
        quality: int | None = None,
        mask: Source | None = None,
        outside_style_id: str | None = None,
        feather: float | None = None,
        provenance: str | None = None,
        label: str | None = None,
        idempotency_key: str | None = None,
    ) -> StylizationAccepted:
        """Render 1 to 16 contents in a style, or in a blend: ``{"sty_a": 2, "sty_b": 1}``."""
        fields = _form.blend_fields(style) | _form.form(
            strength=strength,
            abstraction=abstraction,
            stroke_size=stroke_size,
            preserve_color=preserve_color,
            size=size,
            format=format,
            quality=quality,
            outside_style_id=outside_style_id,
            feather=feather,
            provenance=provenance,
            label=label,
        )
        files = {"contents": several(contents), "mask": [] if mask is None else [mask]}
        return self._submit(StylizationAccepted, "/v1/stylizations", idempotency_key, files, fields)

    def get_stylization(self, stylization: str | Stylization) -> Stylization:
        """A stylization as it is now."""
        return self._get(Stylization, f"/v1/stylizations/{id_of(stylization)}")

    def list_stylizations(
        self, *, state: Sequence[str] = (), style_id: str | None = None
    ) -> Iterator[Stylization]:
        """All stylizations, newest first."""
        for found in self._all(Stylization, "/v1/stylizations", state=list(state), style_id=style_id):
            yield found

    def delete_stylization(self, stylization: str | Stylization) -> None:
        """Delete it with its contents, its mask and its results."""
        self._delete(f"/v1/stylizations/{id_of(stylization)}")

    def download_zip(self, stylization: str | Stylization, path: str | os.PathLike[str]) -> None:
        """All results and a ``manifest.json`` as a ZIP file."""
        self._connection.download(f"/v1/stylizations/{id_of(stylization)}/zip", path)

    # Batches

    def draw_batch(
        self,
        photos: Source,
        style: Blend,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewBatch],
    ) -> Batch:
        """``create_batch``, and wait for the pictures. Photos that cannot be used are in ``errors``.

        Raises JobFailedError when none became a picture, WaitTimeoutError.
        """
        accepted = self.create_batch(photos, style, **how)
        self.wait(accepted.job, timeout=timeout, on_event=on_event)
        return self.get_batch(accepted.batch)

    def create_batch(
        self,
        photos: Source,
        style: Blend,
        *,
        renderings: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[RenderOptions],
    ) -> BatchAccepted:
        """Render thousands of photos, a ZIP or a folder, after everything else that anybody waits for.

        ``renderings``: which photos, and how, where not all of them alike:
        ``{"photo": "a/1.jpg", "custom_id": "1", "strength": 0.8}``.
        """
        fields = _form.blend_fields(style) | _form.form(**options)
        lines = [json.dumps(rendering).encode() for rendering in renderings or ()]
        with zipped(photos) as archive:
            files: dict[str, Sequence[Source]] = {
                "photos": [archive],
                "renderings": [] if renderings is None else [b"\n".join(lines)],
            }
            return self._submit(BatchAccepted, "/v1/batches", idempotency_key, files, fields)

    def get_batch(self, batch: str | Batch) -> Batch:
        """A batch as it is now."""
        return self._get(Batch, f"/v1/batches/{id_of(batch)}")

    def list_batches(self, *, state: Sequence[str] = ()) -> Iterator[Batch]:
        """All batches, newest first."""
        for found in self._all(Batch, "/v1/batches", state=list(state)):
            yield found

    def delete_batch(self, batch: str | Batch) -> None:
        """Delete it with its photos and its pictures."""
        self._delete(f"/v1/batches/{id_of(batch)}")

    def download_batch(self, batch: str | Batch, path: str | os.PathLike[str]) -> None:
        """All pictures, ``results.jsonl`` and ``errors.jsonl`` as a ZIP file. Raises ConflictError until its
        job is over; what was done before it failed or was canceled is there."""
        self._connection.download(f"/v1/batches/{id_of(batch)}/zip", path)

    # Compositions

    def compose(
        self,
        style: Blend,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewComposition],
    ) -> Composition:
        """``create_composition``, and wait for the results. Raises JobFailedError, WaitTimeoutError."""
        accepted = self.create_composition(style, **how)
        self.wait(accepted.job, timeout=timeout, on_event=on_event)
        return self.get_composition(accepted.composition)

    def create_composition(
        self,
        style: Blend,
        *,
        primer: Source | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[ComposeOptions],
    ) -> CompositionAccepted:
        """Compose in a style of music, or in a blend: ``{"sty_a": 2, "sty_b": 1}``.

        With a ``primer`` (a score) it goes on from its end; ``infill`` ("5-8"): its bars are written anew.
        """
        fields = _form.blend_fields(style) | _form.form(**options)
        files: dict[str, Sequence[Source]] = {"primer": [] if primer is None else [primer]}
        return self._submit(CompositionAccepted, "/v1/compositions", idempotency_key, files, fields)

    def get_composition(self, composition: str | Composition) -> Composition:
        """A composition as it is now."""
        return self._get(Composition, f"/v1/compositions/{id_of(composition)}")

    def list_compositions(
        self, *, state: Sequence[str] = (), style_id: str | None = None
    ) -> Iterator[Composition]:
        """All compositions, newest first."""
        for found in self._all(Composition, "/v1/compositions", state=list(state), style_id=style_id):
            yield found

    def delete_composition(self, composition: str | Composition) -> None:
        """Delete it with its primer and its results."""
        self._delete(f"/v1/compositions/{id_of(composition)}")

    def download_composition(
        self, composition: str | Composition, path: str | os.PathLike[str]
    ) -> None:
        """All files of all results and a ``manifest.json`` as a ZIP file."""
        self._connection.download(f"/v1/compositions/{id_of(composition)}/zip", path)

    # Poems

    def write_poems(
        self,
        style: Blend,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewPoem],
    ) -> Poem:
        """``create_poem``, and wait for the results. Raises JobFailedError, WaitTimeoutError."""
        accepted = self.create_poem(style, **how)
        self.wait(accepted.job, timeout=timeout, on_event=on_event)
        return self.get_poem(accepted.poem)

    def create_poem(
        self, style: Blend, *, idempotency_key: str | None = None, **options: Unpack[PoemOptions]
    ) -> PoemAccepted:
        """Write poems in a style of Chinese poems, or in a blend: ``{"sty_a": 2, "sty_b": 1}``."""
        fields = _form.blend_fields(style) | _form.form(**options)
        return self._submit(PoemAccepted, "/v1/poems", idempotency_key, {}, fields)

    def get_poem(self, poem: str | Poem) -> Poem:
        """A poem as it is now."""
        return self._get(Poem, f"/v1/poems/{id_of(poem)}")

    def list_poems(
        self, *, state: Sequence[str] = (), style_id: str | None = None
    ) -> Iterator[Poem]:
        """All poems, newest first."""
        for found in self._all(Poem, "/v1/poems", state=list(state), style_id=style_id):
            yield found

    def delete_poem(self, poem: str | Poem) -> None:
        """Delete it with its results."""
        self._delete(f"/v1/poems/{id_of(poem)}")

    def download_poem(self, poem: str | Poem, path: str | os.PathLike[str]) -> None:
        """All files of all results and a ``manifest.json`` as a ZIP file."""
        self._connection.download(f"/v1/poems/{id_of(poem)}/zip", path)

    # Stories

    def write_stories(
        self,
        style: Blend,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        **how: Unpack[NewStory],
    ) -> Story:
        """``create_story``, and wait for the results. Raises JobFailedError, WaitTimeoutError."""
        accepted = self.create_story(style, **how)
        self.wait(accepted.job, timeout=timeout, on_event=on_event)
        return self.get_story(accepted.story)

    def create_story(
        self, style: Blend, *, idempotency_key: str | None = None, **options: Unpack[StoryOptions]
    ) -> StoryAccepted:
        """Write stories in a style of English prose, or in a blend; its events tell the text as it comes."""
        fields = _form.blend_fields(style) | _form.form(**options)
        return self._submit(StoryAccepted, "/v1/stories", idempotency_key, {}, fields)

    def get_story(self, story: str | Story) -> Story:
        """A story as it is now."""
        return self._get(Story, f"/v1/stories/{id_of(story)}")

    def list_stories(
        self, *, state: Sequence[str] = (), style_id: str | None = None
    ) -> Iterator[Story]:
        """All stories, newest first."""
        for found in self._all(Story, "/v1/stories", state=list(state), style_id=style_id):
            yield found

    def delete_story(self, story: str | Story) -> None:
        """Delete it with its results."""
        self._delete(f"/v1/stories/{id_of(story)}")

    def download_story(self, story: str | Story, path: str | os.PathLike[str]) -> None:
        """All files of all results and a ``manifest.json`` as a ZIP file."""
        self._connection.download(f"/v1/stories/{id_of(story)}/zip", path)

    # Jobs

    def get_job(self, job: str | Job) -> Job:
        """A job as it is now."""
        return self._get(Job, f"/v1/jobs/{id_of(job)}")

    def list_jobs(
        self, *, state: Sequence[str] = (), kind: Sequence[str] = (), style_id: str | None = None
    ) -> Iterator[Job]:
        """All jobs, newest first."""
        for job in self._all(Job, "/v1/jobs", state=list(state), kind=list(kind), style_id=style_id):
            yield job

    def events(
        self, job: str | Job, *, timeout: float | None = None, last_event_id: str | None = None
    ) -> Generator[JobEvent, None, None]:
        """What happens to the job, the last event a final state.

        A connection that breaks is taken up again where it was; where none holds, the job is polled, and only
        its states are told. Raises WaitTimeoutError after ``timeout`` seconds.
        """
        with closing(follow(self._connection, id_of(job), timeout, last_event_id)) as events:
            for event in events:
                yield event

    def wait(
        self,
        job: str | Job,
        *,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
        check: bool = True,
    ) -> Job:
        """The job when it is over; ``on_event`` is called with what happens until then.

        Raises WaitTimeoutError, and JobFailedError unless it succeeded or ``check`` is false.
        """
        with closing(self.events(job, timeout=timeout)) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
        done = self.get_job(job)
        if check and done.state != "succeeded":
            raise JobFailedError(done)
        return done

    def cancel_job(self, job: str | Job) -> Job:
        """Ask for its end; canceled at once, or ``canceling``. Raises ConflictError when it is over already,
        but not when it was canceled."""
        try:
            return decode(Job, self._connection.json("POST", f"/v1/jobs/{id_of(job)}/cancel"))
        except ConflictError:
            canceled = self.get_job(job)
            if canceled.state != "canceled":
                raise
            return canceled

    def retry_job(self, job: str | Job, *, idempotency_key: str | None = None) -> Job:
        """A new job with the inputs of one that failed, expired or was canceled."""
        headers = {"Idempotency-Key": idempotency_key or _form.new_key()}
        path = f"/v1/jobs/{id_of(job)}/retry"
        return decode(Job, self._connection.json("POST", path, headers=headers))

    # Images

    def get_image(self, image: str | Image | ImageInfo) -> ImageInfo:
        """Size, format, provenance, and a link that is good for an hour without a key."""
        return self._get(ImageInfo, f"/v1/images/{id_of(image)}")

    def list_images(
        self, *, role: Sequence[str] = (), job_id: str | None = None
    ) -> Iterator[ImageInfo]:
        """All images, newest first."""
        for image in self._all(ImageInfo, "/v1/images", role=list(role), job_id=job_id):
            yield image

    def download_image(
        self, image: str | Image | ImageInfo, path: str | os.PathLike[str] | None = None
    ) -> bytes:
        """The file's bytes, also written to ``path``."""
        response = self._connection.request("GET", f"/v1/images/{id_of(image)}/content")
        if path is not None:
            with open(path, "wb") as file:
                file.write(response.content)
        return response.content

    def delete_image(self, image: str | Image | ImageInfo) -> None:
        """Delete an image and its bytes."""
        self._delete(f"/v1/images/{id_of(image)}")

    # Files

    def get_file(self, file: str | ResultFile | FileInfo) -> FileInfo:
        """Size, format, and a link that is good for an hour without a key."""
        return self._get(FileInfo, f"/v1/files/{id_of(file)}")

    def list_files(
        self, *, role: Sequence[str] = (), job_id: str | None = None
    ) -> Iterator[FileInfo]:
        """All uploads and results that are no pictures, newest first."""
        for file in self._all(FileInfo, "/v1/files", role=list(role), job_id=job_id):
            yield file

    def download_file(
        self, file: str | ResultFile | FileInfo, path: str | os.PathLike[str] | None = None
    ) -> bytes:
        """The file's bytes, also written to ``path``."""
        response = self._connection.request("GET", f"/v1/files/{id_of(file)}/content")
        if path is not None:
            with open(path, "wb") as target:
                target.write(response.content)
        return response.content

    def delete_file(self, file: str | ResultFile | FileInfo) -> None:
        """Delete a file and its bytes."""
        self._delete(f"/v1/files/{id_of(file)}")

    # Service

    def ready(self) -> Readiness:
        """Whether the service can do jobs."""
        response = self._connection.request("GET", "/readyz", ok=(503,))
        return decode(Readiness, response.json())

    def models(self) -> list[Model]:
        """What the service runs."""
        found = self._connection.json("GET", "/v1/models")
        return [decode(Model, item) for item in found["items"]]

    def _submit(
        self,
        kind: type[T],
        path: str,
        key: str | None,
        files: Mapping[str, Sequence[Source]],
        fields: _form.Form,
    ) -> T:
        with opened(files) as upload:
            answer = self._connection.json(
                "POST",
                path,
                headers={"Idempotency-Key": key or _form.new_key()},
                data=fields,
                upload=upload,
            )
        return decode(kind, answer)

    def _finished(
        self, stylization: Stylization, job: Job, timeout: float | None, on_event: OnEvent | None
    ) -> Stylization:
        self.wait(job, timeout=timeout, on_event=on_event)
        return self.get_stylization(stylization)

    def _get(self, kind: type[T], path: str) -> T:
        return decode(kind, self._connection.json("GET", path))

    def _all(self, kind: type[T], path: str, /, **filters: Any) -> Iterator[T]:
        params = {name: value for name, value in filters.items() if value} | {"limit": 100}
        while True:
            page = self._connection.json("GET", path, params=params)
            for item in page["items"]:
                yield decode(kind, item)
            if page["next"] is None:
                return
            params["after"] = page["next"]

    def share_image(self, image: str | Image) -> str:
        """The address of a page that shows a result to everybody who has it, until ``end_share``."""
        answer = self._connection.json("PUT", f"/v1/images/{id_of(image)}/share")
        return str(answer["url"])

    def end_share(self, image: str | Image) -> None:
        """The address of ``share_image`` shows nothing any more."""
        self._delete(f"/v1/images/{id_of(image)}/share")

    def _delete(self, path: str) -> None:
        self._connection.request("DELETE", path, gone=True)
