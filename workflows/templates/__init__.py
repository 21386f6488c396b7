"""Argo's WorkflowTemplates: one a component, and the pipeline on top by `templateRef`."""
