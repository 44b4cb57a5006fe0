# The images of the four workers and of the models that Triton serves, from a checkout's root:
#
#   docker build --file images/workers.Dockerfile --target worker --tag ragstream-worker:0.1.0 .
#   docker build --file images/workers.Dockerfile --target models --tag ragstream-models:0.1.0 .
#
# Every package is checked against a hash of locks/, the weights against those in
# services/model_builder/sources.py. Whoever mirrors the base image pins its digest there.
FROM python:3.11.14-slim-bookworm AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

FROM base AS build
WORKDIR /build
COPY locks/models.txt locks/
RUN python -m venv /opt/models-venv \
    && /opt/models-venv/bin/pip install --require-hashes --requirement locks/models.txt
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY shared shared
RUN /opt/models-venv/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/models-venv/bin/pip install --no-deps --no-index wheels/*.whl
COPY locks/base.txt locks/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --requirement locks/base.txt \
    && /opt/venv/bin/pip install --no-deps --no-index wheels/*.whl

FROM build AS built-models
ARG PRECISION=fp32
COPY model_repository /opt/models
RUN RAGSTREAM_STACK_MODEL_REPOSITORY=/opt/models \
    /opt/models-venv/bin/ragstream models build --precision "$PRECISION" --cache /tmp/weights \
    && find /opt/models -name .lock -delete \
    && chmod -R a+rX /opt/models

# Carries the models to where Triton reads them, and checks them there.
FROM base AS models
COPY --from=build /opt/models-venv /opt/models-venv
COPY --from=built-models /opt/models /opt/models
ENV PATH=/opt/models-venv/bin:$PATH \
    RAGSTREAM_STACK_MODEL_REPOSITORY=/models
# a new volume takes over the folder's owner
RUN install --directory --owner 1000 --group 1000 /models
USER 1000:1000
CMD ["sh", "-c", "cp -R /opt/models/. /models && ragstream models verify"]

FROM base AS worker
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    RAGSTREAM_HEALTH_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["ragstream"]
