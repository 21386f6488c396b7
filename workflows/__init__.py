"""The DAG, and where it runs: on this machine, on Argo, on Kubeflow."""
