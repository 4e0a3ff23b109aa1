# vidcls for NVIDIA cards, without a display and without PyTorch, from the wheel that `make dist` leaves. In the
# repository's folder, on a machine with NVIDIA's driver and its container toolkit:
#
#   make dist
#   docker build -f examples/docker/cuda.Dockerfile -t vidcls-cuda .
#   docker run --rm --gpus all -v "$PWD:/data:ro" vidcls-cuda predict model.onnx clip.mp4
#
# `vidcls watch` as a service of its own:
#
#   docker build -f examples/docker/cuda.Dockerfile --target watch -t vidcls-watch-cuda .

ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS install
COPY .ci/constraints.txt dist/vidcls-*.whl /wheels/
# Tested versions, and wheels alone: there is no compiler here. Without a display OpenCV's headless wheel does, which
# needs no graphics libraries; both are the module cv2. onnxruntime-gpu brings CUDA and cuDNN as wheels (3 GB), so that
# the base needs neither; the driver is the machine's.
RUN python -m venv --without-pip /opt/vidcls \
 && pip --python /opt/vidcls/bin/python install --no-cache-dir --only-binary :all: -c /wheels/constraints.txt \
      "$(ls /wheels/vidcls-*.whl)[gpu,av,live]" \
 && pip --python /opt/vidcls/bin/python uninstall --yes opencv-python \
 && pip --python /opt/vidcls/bin/python install --no-cache-dir --only-binary :all: -c /wheels/constraints.txt \
      --no-deps opencv-python-headless \
 && /opt/vidcls/bin/vidcls --version

FROM python:${PYTHON} AS lean
# Letters for pictures: --build-arg FONTS="fonts-dejavu-core fonts-nanum" adds Korean ones, fonts-noto-cjk Chinese and
# Japanese too. Debian keeps no older versions to pin.
ARG FONTS=fonts-dejavu-core
# hadolint ignore=DL3008,SC2086
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ${FONTS} \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /state vidcls \
 && install -d -o vidcls -g vidcls /state /data
COPY --from=install /opt/vidcls /opt/vidcls
ENV PATH=/opt/vidcls/bin:$PATH PYTHONUNBUFFERED=1 HOME=/state
# What the container toolkit hands in where `docker run` does not say it.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001

FROM lean AS watch
VOLUME /state
WORKDIR /state
EXPOSE 8000
# It ends within 8 seconds of a SIGTERM; `docker stop` waits for 10.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["vidcls", "watch"]
CMD ["--config", "/config/watch.toml", "--host", "0.0.0.0", "--state", "/state"]

FROM lean
WORKDIR /data
ENTRYPOINT ["vidcls"]
CMD ["--help"]
