# The grader in a container:
#
#   docker build -t rnncourse-grade .
#   docker run --rm --network none -v "$PWD/submitted:/class/submitted:ro" -v "$PWD/results:/class/results" \
#       rnncourse-grade submitted --out results --feedback
#
# Docker's own seccomp profile must allow Landlock's system calls; docs/grading.md explains this.
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
COPY . /course
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
        --constraint /course/constraints.txt "/course[grading]"
WORKDIR /class
ENTRYPOINT ["rnncourse", "grade", "--course", "/course"]
