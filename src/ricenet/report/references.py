"""What the texts of the report cite, numbered in the order in which it is cited."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ricenet.normalisations import NORMALISATIONS

REFERENCES = {
    "ricenet": "Peretzke et al., Multimodal classification of Radiation-Induced Contrast "
    "Enhancements and tumor recurrence using deep learning, arXiv 2603.11827, 2026",
    "snakemake": "Mölder et al., Sustainable data analysis with Snakemake, F1000Research 10:33, "
    "2021",
    "pydicom": "Mason, pydicom: an open source DICOM library, https://github.com/pydicom/pydicom",
    "simpleitk": "Lowekamp et al., The design of SimpleITK, Front Neuroinform 7:45, 2013",
    "hdbet": "Isensee et al., Automated brain extraction of multisequence MRI using artificial "
    "neural networks, Hum Brain Mapp 40:4952, 2019",
    "ants": "Avants et al., A reproducible evaluation of ANTs similarity metric performance in "
    "brain image registration, NeuroImage 54:2033, 2011",
    "lq": "Fowler, The linear-quadratic formula and progress in fractionated radiotherapy, Br J "
    "Radiol 62:679, 1989",
    "resnet18": "He et al., Deep residual learning for image recognition, CVPR 2016",
    "densenet121": "Huang et al., Densely connected convolutional networks, CVPR 2017",
    "local": "Radenovic et al., Fine-tuning CNN image retrieval with no human annotation, arXiv "
    "1711.02512, 2017",
    "topk": "Durand et al., WILDCAT: weakly supervised learning of deep ConvNets, CVPR 2017",
    "instance": "Ulyanov et al., Instance normalization, arXiv 1607.08022, 2016",
    "dropout": "Srivastava et al., Dropout, J Mach Learn Res 15:1929, 2014",
    "adamw": "Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019",
    "cosine": "Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR "
    "2017",
    "smoothing": "Szegedy et al., Rethinking the Inception architecture, CVPR 2016",
    "averaging": "Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017",
    "adam": "Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015",
    "torch": "Paszke et al., PyTorch: an imperative style, high-performance deep learning library, "
    "NeurIPS 2019",
    "monai": "Cardoso et al., MONAI: an open-source framework for deep learning in healthcare, "
    "arXiv 2211.02701, 2022",
    "sklearn": "Pedregosa et al., Scikit-learn: machine learning in Python, J Mach Learn Res "
    "12:2825, 2011",
    "mcnemar": "McNemar, Psychometrika 12:153, 1947",
    "maxt": "Westfall and Young, Resampling-based multiple testing, Wiley 1993",
    "corp": "Dimitriadis, Gneiting and Jordan, PNAS 118:e2016191118, 2021",
    "conformal": "Vovk, Gammerman and Shafer, Algorithmic learning in a random world, Springer "
    "2005",
    "netbenefit": "Vickers and Elkin, Med Decis Making 26:565, 2006",
    "ibsi": "Zwanenburg et al., The Image Biomarker Standardization Initiative, Radiology 295:328, "
    "2020",
    "occlusion": "Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV "
    "2014",
    **{name: row.reference for name, row in NORMALISATIONS.items() if row.reference},
}
_CITED = re.compile(r"\[@([\w, @]+)\]")


def numbered(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return texts with numbers in place of ``[@key]``, and the list that these numbers count.

    Raises
    ------
    KeyError
        A key that :data:`REFERENCES` lacks.
    """
    order: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        keys = [key.strip(" @") for key in match[1].split(",")]
        return f"[{', '.join(str(order.setdefault(key, len(order) + 1)) for key in keys)}]"

    found = [_CITED.sub(number, text) for text in texts]
    return found, [REFERENCES[key] for key in order]
