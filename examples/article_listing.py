"""The article's program, line by line, on nanocnn.

It wants images `train/0.jpg` ... `train/999.jpg` and `test/0.jpg` ... `test/199.jpg` in the current
folder, even numbers normal and odd numbers cancer, and prints the accuracy on the test images.
For the program that you would start from today see `lung_ct_classifier.py`.

What had to change from the Keras listing, and why:

| line in the listing              | here                  | why                             |
|----------------------------------|-----------------------|---------------------------------|
| `import tensorflow as tf`        | `import nanocnn`      | another library                 |
| `tf.keras.Sequential`, `layers.` | `nc.Sequential`, `nc.`| one name for all of it          |
| `Conv2D(..., input_shape=...)`   | on `Sequential`       | the shape is the model's        |
| `MaxPooling2D((2, 2))`           | `MaxPool2D((2, 2))`   | Keras knows it by both names    |

What did not have to change although Keras refuses it as printed: images in a Python list (Keras
takes a list for several inputs), integer labels with `categorical_crossentropy` (Keras wants
one-hot rows), grey images for a model with three channels (they are repeated).

What is kept although it is a mistake: `validation_data` is the test set. Looking at the test
accuracy after each of ten epochs, and stopping or changing something when it pleases, makes it a
training signal; the last number is then no estimate for new patients.
"""

import numpy as np
from PIL import Image

import nanocnn as nc

TRAIN_IMAGES, TEST_IMAGES = 1000, 200


def preprocess_image(path):
    image = Image.open(path)
    image = image.resize((128, 128))
    return np.array(image) / 255.0


def create_model():
    model = nc.Sequential(
        [
            nc.Conv2D(32, (3, 3), activation="relu"),
            nc.MaxPool2D((2, 2)),
            nc.Conv2D(64, (3, 3), activation="relu"),
            nc.MaxPool2D((2, 2)),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
            nc.Dense(2, activation="softmax"),
        ],
        input_shape=(128, 128, 3),
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def train_model(model, train_images, train_labels, test_images, test_labels):
    model.fit(
        train_images,
        train_labels,
        epochs=10,
        batch_size=32,
        validation_data=(test_images, test_labels),
    )


def evaluate_model(model, test_images, test_labels):
    _, test_accuracy = model.evaluate(test_images, test_labels)
    print(f"Test accuracy: {100 * test_accuracy:.2f}%")


def main():
    train_images = [preprocess_image(f"train/{i}.jpg") for i in range(TRAIN_IMAGES)]
    train_labels = [i % 2 for i in range(TRAIN_IMAGES)]
    test_images = [preprocess_image(f"test/{i}.jpg") for i in range(TEST_IMAGES)]
    test_labels = [i % 2 for i in range(TEST_IMAGES)]
    model = create_model()
    train_model(model, train_images, train_labels, test_images, test_labels)
    evaluate_model(model, test_images, test_labels)


if __name__ == "__main__":
    main()
