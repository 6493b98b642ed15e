# syntax=docker/dockerfile:1
# One image for every role: docker run IMAGE serve | api | worker | ...
#
#   docker build -t fewstroke .                                          PyTorch for CPUs (the default)
#   docker build -t fewstroke:cuda --build-arg TORCH_INDEX= .            PyTorch for NVIDIA GPUs
# The image that both stages begin with. A tag can be moved: scripts/pin_images.sh asks the registry for digests.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
# The index that PyTorch is taken from, and nothing else; empty: the package index, with CUDA on Linux.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/fewstroke
ENV PATH=/opt/fewstroke/bin:$PATH

# The dependencies are a layer of their own, which changes only with these files; every file has its hash
# (scripts/lock.sh), but for the builds of PyTorch from an index of their own.
COPY pyproject.toml constraints.txt requirements.lock requirements-cpu.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ -n "$TORCH_INDEX" ]; then \
      grep -E '^(torch|torchvision)==' constraints.txt > /tmp/torch.txt \
      && pip install --no-deps --index-url "$TORCH_INDEX" -r /tmp/torch.txt \
      && pip install --no-deps --require-hashes -r requirements-cpu.lock; \
    else \
      pip install --no-deps --require-hashes -r requirements.lock; \
    fi

COPY README.md LICENSE NOTICE ./
COPY model model
COPY app app
RUN pip install --no-deps --no-build-isolation --no-cache-dir . && python -m compileall -q /opt/fewstroke/lib

FROM ${PYTHON_IMAGE}
# Of this build: --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)"
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="Fewstroke" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.description="Few-shot style adaptation as a service" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 fewstroke \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data fewstroke \
    && install -d -o fewstroke -g fewstroke /data
COPY --from=build /opt/fewstroke /opt/fewstroke
ENV PATH=/opt/fewstroke/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FEWSTROKE_DATA_DIR=/data \
    FEWSTROKE_HOST=0.0.0.0 \
    FEWSTROKE_PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the roles that answer HTTP (serve, api); a worker switches it off (see docker-compose.yml).
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['FEWSTROKE_PORT'] + '/livez', timeout=2)"]
ENTRYPOINT ["fewstroke"]
CMD ["serve"]
