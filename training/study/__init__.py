"""What the notebooks show: each takes a log and gives a table, a picture or a sentence."""

import warnings

# MLflow draws progress by tqdm, which misses the widgets of a notebook; nobody needs them here.
warnings.filterwarnings("ignore", message="IProgress not found")
