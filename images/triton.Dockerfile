# NVIDIA's Triton with the few packages that our models need, from a checkout's root:
#
#   docker build --file images/triton.Dockerfile --tag ragstream-triton:0.1.0 .
#   docker build --file images/triton.Dockerfile --build-arg LOCK=triton-gpu --tag ragstream-triton:0.1.0-gpu .
#
# 25.10 has Python 3.12, as the locks want it, and CUDA 13, as onnxruntime-gpu wants it.
FROM nvcr.io/nvidia/tritonserver:25.10-py3
ARG LOCK=triton
COPY locks/${LOCK}.txt /tmp/lock.txt
RUN pip install --no-cache-dir --break-system-packages --require-hashes --requirement /tmp/lock.txt \
    && rm /tmp/lock.txt
USER 1000:1000
EXPOSE 8000 8001 8002
CMD ["tritonserver", "--model-repository=/models"]
