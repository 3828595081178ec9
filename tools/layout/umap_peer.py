"""The layout of umap-learn on the vectors that crates/layout/examples/map.rs is measured on.

    python -m venv v && v/bin/pip install umap-learn
    v/bin/python umap_peer.py make VECTORS 100000 512    # clustered unit vectors
    v/bin/python umap_peer.py layout VECTORS 512 [pca]   # time, memory, trustworthiness; pca: of 50 components
    v/bin/python umap_peer.py trust VECTORS 512 POSITIONS
"""

import resource
import sys
import time

import numpy as np

K = 15
SAMPLE = 1000


def make(path, count, dimension):
    """Topics with subjects within them, in 48 latent dimensions, with noise in all; subjects of very different sizes."""
    random = np.random.default_rng(1)
    latent = 48
    topics = random.normal(size=(25, latent))
    subjects = np.repeat(topics, 20, axis=0) + 0.5 * random.normal(size=(500, latent))
    sizes = random.pareto(1.2, size=500) + 0.2
    chosen = random.choice(500, size=count, p=sizes / sizes.sum())
    points = subjects[chosen] + 0.35 * random.normal(size=(count, latent))
    rows = points @ random.normal(size=(latent, dimension)) / np.sqrt(latent)
    rows += 0.15 * random.normal(size=(count, dimension))
    rows += 1.5 * random.normal(size=dimension)  # the cone that embeddings are in
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows.astype("<f4").tofile(path)


def read(path, dimension):
    rows = np.fromfile(path, "<f4").reshape(-1, dimension)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def trustworthiness(rows, positions):
    """At points spread over all, as examples/map.rs measures it."""
    count = len(rows)
    sample = range(0, count, -(-count // SAMPLE))
    total = 0
    for point in sample:
        before = 1 - rows @ rows[point]
        plane = ((positions - positions[point]) ** 2).sum(axis=1)
        plane[point] = np.inf
        for other in np.argpartition(plane, K - 1)[:K]:
            rank = 1 + (before < before[other]).sum() - (before[point] < before[other])
            total += max(0, int(rank) - K)
    return 1 - 2 * total / (len(sample) * K * (2 * count - 3 * K - 1))


def layout(path, dimension, kind="full"):
    import umap

    rows = read(path, dimension)
    umap.UMAP(n_neighbors=5, n_epochs=5).fit_transform(rows[:300])  # compiles
    start, before = time.time(), time.process_time()
    points = rows
    if kind == "pca":
        from sklearn.decomposition import PCA

        points = PCA(50, random_state=1).fit_transform(rows)
    metric = "euclidean" if kind == "pca" else "cosine"
    positions = umap.UMAP(n_neighbors=K, metric=metric, n_jobs=2).fit_transform(points)
    print(
        f"umap-learn {umap.__version__} ({kind}): {time.time() - start:.1f} s, "
        f"{time.process_time() - before:.1f} s of processors",
        flush=True,
    )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")
    print(f"trustworthiness at {K}: {trustworthiness(rows, positions):.4f}", flush=True)


if __name__ == "__main__":
    command, path, *rest = sys.argv[1:]
    if command == "make":
        make(path, int(rest[0]), int(rest[1]))
    elif command == "layout":
        layout(path, int(rest[0]), *rest[1:])
    else:
        positions = np.fromfile(rest[1], "<f4").reshape(-1, 2)
        print(f"trustworthiness at {K}: {trustworthiness(read(path, int(rest[0])), positions):.4f}")
