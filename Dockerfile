# Watches a camera: docker run --rm --volume "$PWD/seen:/seen" perdure watch rtsp://camera.local/stream --out /seen
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
# Into a folder of its own, so that neither pip's cache nor the sources are in what is shipped.
RUN python -m venv /opt/perdure \
    && PIP_CONSTRAINT=constraints.txt /opt/perdure/bin/pip install --no-cache-dir '.[detector,mqtt]'

FROM ${BASE}
COPY --from=build /opt/perdure /opt/perdure
RUN useradd --create-home --uid 1000 perdure && mkdir /seen && chown perdure /seen
USER perdure
WORKDIR /seen
VOLUME /seen
ENV PYTHONUNBUFFERED=1
# SIGTERM of `docker stop` ends a watch in order, with all that was done.
ENTRYPOINT ["/opt/perdure/bin/perdure"]
CMD ["--help"]
