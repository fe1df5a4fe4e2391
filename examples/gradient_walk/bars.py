def draw_formulas(*a):
    pass


draw_softmax = draw_scatter = draw_formulas
