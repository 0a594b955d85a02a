"""The table of what may stand in a pipeline: River's components by name, with their parameters and what they cost.

Names, meanings and defaults are those of River 0.26 (a test compares them), but for two of our own; `seed` alone has a
default of ours, for a model without one could not be replayed. What takes functions or objects in River is a name here
or is left out. Estimators that a model may be fitted with anew are scikit-learn's, by its names and with its defaults.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from risk_stream.models.spec import Parameter

__all__ = ["COMPONENTS", "ESTIMATORS", "RETRAINED", "SEED", "SPAN", "Allowed", "Component"]

#: The seed of what draws lots, where the file gives none.
SEED = 42
#: The component that is fitted anew from time to time.
RETRAINED = "Retrained"
#: A time that a parameter may be instead of a count.
SPAN = re.compile(r"([1-9][0-9]{0,3})(h|d)")

_FOREST_OF_TREES: dict[str, Parameter] = {
    "n_estimators": 100,
    "max_depth": None,
    "max_leaf_nodes": 255,
    "min_samples_leaf": 1,
    "max_features": "sqrt",
}
#: Estimators of scikit-learn by name: what a file may say of each, with its own defaults; but forests have a limit of
#: leaves here, for they are kept in checkpoints.
ESTIMATORS: dict[str, dict[str, Parameter]] = {
    "HistGradientBoostingClassifier": {
        "learning_rate": 0.1,
        "max_iter": 100,
        "max_leaf_nodes": 31,
        "max_depth": None,
        "min_samples_leaf": 20,
        "l2_regularization": 0.0,
        "max_features": 1.0,
    },
    "LogisticRegression": {"C": 1.0, "max_iter": 100},
    "RandomForestClassifier": _FOREST_OF_TREES,
    "ExtraTreesClassifier": _FOREST_OF_TREES,
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """A parameter: of which kind (`int`, `float`, `bool` or `text`), its default and between what it may lie."""

    kind: type
    default: Parameter
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    none: bool = False  # null may be said
    required: bool = False
    span: bool = False  # a time such as 12h or 1d may be said


@dataclass(frozen=True, slots=True)
class Component:
    """One component of River."""

    name: str
    role: str  # transformer, encoder, detector, classifier, regressor, clusterer, segmenter or forecaster
    module: str  # of River, where its class is; empty for our own
    meaning: str
    parameters: dict[str, Allowed] = field(default_factory=dict)
    texts: bool = False  # bears texts among its inputs
    single: bool = False  # reads exactly one number
    weighted: bool = False  # can learn a row with a weight
    small: bool = False  # under 1 KB, so that there may be one for each group
    base_us: float = 0.0  # of one event, scored and learnt
    input_us: float = 0.0  # more for each input
    low: float | None = None  # what a score is at least
    high: float | None = None  # and at most


def _int(default: int | None, low: int, high: int, required: bool = False) -> Allowed:
    return Allowed(int, default, low, high, none=default is None and not required, required=required)


def _float(default: float | None, low: float, high: float, required: bool = False) -> Allowed:
    return Allowed(float, default, low, high, none=default is None and not required, required=required)


def _bool(default: bool) -> Allowed:
    return Allowed(bool, default)


def _choice(default: str, *choices: str) -> Allowed:
    return Allowed(str, default, choices=choices)


_SEED = Allowed(int, SEED, 0, 2**31 - 1)
_WINDOW = _int(None, 2, 100_000)

_OPTIMIZERS = ("SGD", "Adam", "AdaGrad", "RMSProp", "Momentum", "AdaMax", "AMSGrad", "Nadam")
_GRADIENT = {
    "optimizer": _choice("SGD", *_OPTIMIZERS),
    "lr": _float(None, 1e-9, 10.0),
    "intercept_lr": _float(0.01, 0.0, 10.0),
    "clip_gradient": _float(1e12, 1e-9, 1e100),
}
_GLM = {**_GRADIENT, "l2": _float(0.0, 0.0, 100.0), "l1": _float(0.0, 0.0, 100.0)}
_GLM["intercept_init"] = _float(0.0, -1e6, 1e6)

_CLASSES = {
    "grace_period": _int(200, 1, 1_000_000),
    "max_depth": _int(None, 1, 30),
    "delta": _float(1e-7, 1e-12, 0.5),
    "tau": _float(0.05, 0.0, 1.0),
    "binary_split": _bool(False),
    "max_size": _float(100.0, 0.1, 1_000.0),
    "stop_mem_management": _bool(False),
    "remove_poor_attrs": _bool(False),
    "merit_preprune": _bool(True),
    "split_criterion": _choice("info_gain", "info_gain", "gini", "hellinger"),
    "leaf_prediction": _choice("nba", "mc", "nb", "nba"),
    "nb_threshold": _int(0, 0, 1_000_000),
    "min_branch_fraction": _float(0.01, 0.0, 0.5),
    "max_share_to_split": _float(0.99, 0.0, 1.0),
}
_FOREST = {
    **_CLASSES,
    "n_models": _int(10, 1, 100),
    "max_features": Allowed(int, "sqrt", 1, 1_000, choices=("sqrt", "log2"), none=True),
    "lambda_value": _int(6, 1, 100),
    "grace_period": _int(50, 1, 1_000_000),
    "delta": _float(0.01, 1e-12, 0.5),
    "disable_weighted_vote": _bool(False),
    "seed": _SEED,
}

_ALL = (
    Component(
        *("MinMaxScaler", "transformer", "preprocessing"),
        "each number between the least and the greatest seen so far",
        {"window_size": _WINDOW},
        small=True,
        input_us=0.8,
    ),
    Component(
        *("StandardScaler", "transformer", "preprocessing"),
        "each number less its mean, in standard deviations",
        {"with_std": _bool(True), "window_size": _WINDOW},
        small=True,
        input_us=0.8,
    ),
    Component(
        *("MaxAbsScaler", "transformer", "preprocessing"),
        "each number as a share of the greatest seen so far, zero left where it is",
        {"window_size": _WINDOW},
        input_us=0.6,
    ),
    Component(
        *("RobustScaler", "transformer", "preprocessing"),
        "each number less its median, in interquartile ranges",
        {
            "with_centering": _bool(True),
            "with_scaling": _bool(True),
            "q_inf": _float(0.25, 0.0, 1.0),
            "q_sup": _float(0.75, 0.0, 1.0),
        },
        input_us=1.0,
    ),
    Component(
        *("AdaptiveStandardScaler", "transformer", "preprocessing"),
        "as StandardScaler, with recent numbers weighing more",
        {"fading_factor": _float(0.3, 0.0, 1.0)},
        input_us=1.2,
    ),
    Component(
        *("OneHotEncoder", "encoder", "preprocessing"),
        "each text as a number for every text seen so far, 1 where it is that one; the first 200 texts of an input",
        {"drop_zeros": _bool(False), "drop_first": _bool(False)},
        texts=True,
        base_us=20.0,
        input_us=11.0,
    ),
    Component(
        *("FeatureHasher", "encoder", "preprocessing"),
        "texts as numbers in a fixed number of places, chosen by a hash; for texts of many values",
        {"n_features": _int(1_048_576, 2, 1_048_576), "seed": _SEED, "alternate_sign": _bool(True)},
        texts=True,
        base_us=10.0,
        input_us=8.0,
    ),
    Component(
        *("HalfSpaceTrees", "detector", "anomaly"),
        "how thin the last window of rows was where this one falls; numbers from 0 to 1, so MinMaxScaler before it",
        {
            "n_trees": _int(10, 1, 200),
            "height": _int(8, 1, 14),
            "window_size": _int(250, 2, 100_000),
            "seed": _SEED,
        },
        base_us=25.0,
        input_us=0.1,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("GaussianScorer", "detector", "anomaly"),
        "how unlikely so great a distance from the mean is, were the number normally distributed",
        {"window_size": _WINDOW, "grace_period": _int(100, 0, 1_000_000)},
        single=True,
        small=True,
        base_us=1.5,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("StandardAbsoluteDeviation", "detector", "anomaly"),
        "distance of the number from its mean, in standard deviations",
        single=True,
        small=True,
        base_us=1.0,
        low=0.0,
    ),
    Component(
        *("OneClassSVM", "detector", "anomaly"),
        "River's one-class support vector machine, linear, by gradient descent",
        {**_GRADIENT, "nu": _float(0.1, 1e-6, 1.0)},
        base_us=6.0,
        input_us=0.6,
    ),
    Component(
        *("LocalOutlierFactor", "detector", "anomaly"),
        "how much thinner it is around the row than around its neighbours in the last 1,000 rows; expensive",
        {"n_neighbors": _int(10, 1, 100)},
        base_us=5_000.0,
        input_us=100.0,
        low=0.0,
    ),
    Component(
        *("LODA", "detector", "anomaly"),
        "how thin histograms of random projections are where the row falls; expensive",
        {"n_bins": _int(10, 2, 1_000), "n_random_cuts": _int(100, 1, 1_000), "seed": _SEED},
        base_us=250.0,
        input_us=1.0,
    ),
    Component(
        *("LogisticRegression", "classifier", "linear_model"),
        "probability from a weighted sum of the numbers, learnt by gradient descent; a scaler before it",
        _GLM,
        weighted=True,
        small=True,
        base_us=6.0,
        input_us=0.6,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("GaussianNB", "classifier", "naive_bayes"),
        "probability by Bayes' rule, as if the numbers were independent and normally distributed",
        base_us=20.0,
        input_us=10.0,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("HoeffdingTreeClassifier", "classifier", "tree"),
        "probability by a tree that splits where enough rows say so",
        _CLASSES,
        texts=True,
        weighted=True,
        base_us=25.0,
        input_us=3.0,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("HoeffdingAdaptiveTreeClassifier", "classifier", "tree"),
        "such a tree that replaces a branch which has become worse",
        {
            **_CLASSES,
            "bootstrap_sampling": _bool(True),
            "drift_window_threshold": _int(300, 1, 1_000_000),
            "switch_significance": _float(0.05, 1e-6, 1.0),
            "seed": _SEED,
        },
        texts=True,
        weighted=True,
        base_us=60.0,
        input_us=4.0,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("ARFClassifier", "classifier", "forest"),
        "probability by an adaptive random forest: such trees over some of the inputs each, replaced as they drift",
        _FOREST,
        texts=True,
        base_us=350.0,
        input_us=17.0,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("AMFClassifier", "classifier", "forest"),
        "probability by a forest of Mondrian trees, which split at random",
        {
            "n_estimators": _int(10, 1, 100),
            "step": _float(1.0, 1e-6, 100.0),
            "use_aggregation": _bool(True),
            "dirichlet": _float(0.5, 1e-6, 1.0),
            "split_pure": _bool(False),
            "max_nodes": _int(None, 3, 1_000_000),
            "seed": _SEED,
        },
        base_us=230.0,
        input_us=10.0,
        low=0.0,
        high=1.0,
    ),
    Component(
        *("LinearRegression", "regressor", "linear_model"),
        "the outcome as a weighted sum of the numbers, learnt by gradient descent; a scaler before it",
        _GLM,
        weighted=True,
        base_us=6.0,
        input_us=0.6,
    ),
    Component(
        *("KMeans", "clusterer", "cluster"),
        "distance of the row to the nearest of some centres that follow the rows; a scaler before it",
        {
            "n_clusters": _int(5, 1, 200),
            "halflife": _float(0.5, 0.0, 1.0),
            "mu": _float(0.0, -1e6, 1e6),
            "sigma": _float(1.0, 0.0, 1e6),
            "p": _int(2, 1, 4),
            "seed": _SEED,
        },
        base_us=8.0,
        input_us=1.8,
        low=0.0,
    ),
    Component(
        *("SequentialKMeans", "segmenter", ""),
        "segments of the keys by which the model scores, stable and named; scales its inputs itself",
        {
            "n_clusters": _int(5, 2, 50),
            "margin": _float(0.2, 0.0, 0.9),
            "patience": _int(5, 1, 1_000),
            "patience_days": _int(3, 0, 365),
            "memory": _int(20, 1, 10_000),
            "horizon": _int(10_000, 10, 10_000_000),
            "settle_days": _int(7, 1, 365),
            "every_days": _int(30, 1, 365),
            "keep": _int(200_000, 100, 5_000_000),
            "seed": _SEED,
        },
        base_us=1.0,
        input_us=0.1,
        low=0.0,
    ),
    Component(
        *(RETRAINED, "classifier", ""),
        "probability by an estimator of scikit-learn that is fitted anew to the last outcomes",
        {
            "estimator": _choice("HistGradientBoostingClassifier", *ESTIMATORS),
            "every": Allowed(int, "1d", 1, 10_000_000, span=True),
            "window": _int(20_000, 100, 500_000),
            "lag": _int(2_000, 0, 1_000_000),
            "good_for_bad": Allowed(float, 20.0, 0.1, 1_000.0, none=True),
            "seed": _SEED,
            # what is not said is the estimator's own
            "learning_rate": _float(None, 1e-4, 1.0),
            "max_iter": _int(None, 1, 1_000),
            "max_leaf_nodes": _int(None, 2, 1_023),
            "max_depth": _int(None, 1, 30),
            "min_samples_leaf": _int(None, 1, 100_000),
            "l2_regularization": _float(None, 0.0, 1e6),
            "max_features": Allowed(float, None, 1e-3, 1.0, choices=("sqrt", "log2"), none=True),
            "C": _float(None, 1e-9, 1e9),
            "n_estimators": _int(None, 1, 300),
        },
        low=0.0,
        high=1.0,
    ),
    Component(
        *("SNARIMAX", "forecaster", "time_series"),
        "how far the number is from an autoregressive forecast, beside how far it was of late",
        {
            "p": _int(None, 0, 100, required=True),
            "d": _int(None, 0, 3, required=True),
            "q": _int(None, 0, 100, required=True),
            "m": _int(1, 1, 1_000),
            "sp": _int(0, 0, 20),
            "sd": _int(0, 0, 2),
            "sq": _int(0, 0, 20),
        },
        single=True,
        base_us=25.0,
        low=0.0,
    ),
    Component(
        *("HoltWinters", "forecaster", "time_series"),
        "how far the number is from a forecast by level, trend and season, beside how far it was of late",
        {
            "alpha": _float(None, 0.0, 1.0, required=True),
            "beta": _float(None, 0.0, 1.0),
            "gamma": _float(None, 0.0, 1.0),
            "seasonality": _int(0, 0, 1_000),
            "multiplicative": _bool(False),
        },
        single=True,
        small=True,
        base_us=8.0,
        low=0.0,
    ),
)

#: By name.
COMPONENTS = {component.name: component for component in _ALL}
