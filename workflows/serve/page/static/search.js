// What the search does with scripts; each concern is a module of its own.

import { listenForKeys } from "./keys.js";
import { loadFurther } from "./further.js";
import { playInPlace } from "./player.js";
import { stepThroughScenes } from "./scenes.js";
import { takePictures } from "./pictures.js";
import { submitWithoutEmptyFields } from "./fields.js";

document.documentElement.classList.add("scripted");
submitWithoutEmptyFields(document.getElementById("search"));
takePictures(document.getElementById("by-picture"));
stepThroughScenes(document);
loadFurther();
playInPlace();
listenForKeys();
