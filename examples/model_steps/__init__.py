"""What `improve_a_model.py` is made of, and the recipe for real chest X-rays."""
