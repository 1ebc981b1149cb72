"""Representations in two dimensions, with a number that says how far to trust the picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openTSNE import TSNE
from openTSNE.initialization import pca
from sklearn.manifold import trustworthiness

from companion.errors import DataError, ParameterError

NEIGHBOURS = 12  # of each clip, for trustworthiness


@dataclass(frozen=True)
class Projection:
    """A t-SNE picture.

    Args:
        coordinates: Position of every clip; the unit means nothing. Shape: ``(N, 2)``.
        perplexity: Effective number of neighbours that each clip keeps near.
        kl: Kullback-Leibler divergence reached, in nats; comparable only at the same N and perplexity.
        trustworthiness: 1 when every neighbour in the picture is one in the full space; about 0.5 by chance.
        seed: Seed of the run.
    """

    coordinates: NDArray[np.float64]
    perplexity: float
    kl: float
    trustworthiness: float
    seed: int


def project(
    representations: NDArray[Any], *, perplexity: float = 30.0, seed: int = 0, n_iterations: int = 500
) -> Projection:
    """Lay clips out by t-SNE from a PCA start, so that the large-scale arrangement is not left to chance.

    Runs on one thread: the same input and seed on the same machine give the same picture.

    Args:
        representations: One row a clip. Shape: ``(N, D)``.
        perplexity: Effective number of neighbours; lowered to a fifth of the clips when there are few.
        seed: Seed of the neighbour search and of PCA.
        n_iterations: Steps after the 250 of early exaggeration.

    Returns:
        Projection: Coordinates, and what is needed to judge them.

    Raises:
        DataError: Too few clips, or values that are not finite.
        ParameterError: Perplexity below 1.

    Source: van der Maaten and Hinton 2008 (reference 31 of Kumar et al. 2018); Kobak and Berens 2019, Nature
    Communications 10 (PCA start); Venna and Kaski 2001 (trustworthiness).
    """
    values = np.asarray(representations, dtype=np.float64)
    fewest = 3 * NEIGHBOURS
    if perplexity < 1:
        raise ParameterError(f"perplexity {perplexity}", expected="1 or more; 5 to 50 is usual")
    if values.ndim != 2 or len(values) < fewest:
        raise DataError(
            f"representations of shape {values.shape} are too few for a projection",
            expected=f"(clips, dimensions) with at least {fewest} clips",
        )
    if not np.isfinite(values).all():
        raise DataError(f"{int((~np.isfinite(values)).any(axis=1).sum())} clips have values that are not finite")
    perplexity = min(perplexity, len(values) / 5)
    embedding = TSNE(
        perplexity=perplexity,
        initialization=pca(values, random_state=seed),
        n_iter=n_iterations,
        neighbors="exact",
        negative_gradient_method="auto",
        n_jobs=1,
        random_state=seed,
    ).fit(values)
    coordinates = np.asarray(embedding)
    trust = trustworthiness(values, coordinates, n_neighbors=NEIGHBOURS)
    return Projection(coordinates, perplexity, float(embedding.kl_divergence), float(trust), seed)
