"""The run engine: stages that run only when what they depend on has changed, their record and what is shown of them."""
