# NVIDIA's server with the packages that the lessons' Python models import; everything else they bring along.
# 24.10 is the newest that still supports compute capability 6.0 throughout; 25.03 asks for 7.5.
FROM nvcr.io/nvidia/tritonserver:24.10-py3

# The image's Python is 3.10, and its backend wants numpy below 2. cu126 is the last CUDA with Pascal kernels in torch.
COPY torch.txt /tmp/torch.txt
RUN pip install --no-cache-dir "numpy<2" pillow==11.3.0 safetensors==0.5.3 \
    && pip install --no-cache-dir "numpy<2" --requirement /tmp/torch.txt
