"""perdure inside other people's pipelines."""
