"""Made-up people and animals for the demo clinic."""

FIRST = """Aisha Alan Alice Ana Andre Angela Anita Anthony Ben Beth Brenda Brian Carla Carlos Carmen Chloe Chris Clara
Dana Daniel Darnell Dave Deborah Denise Diego Donna Dylan Edith Elena Eli Emma Eric Erin Esther Evan Faith Felix Fiona
Frank Gabe Gail Grace Greg Hana Hannah Hector Helen Ian Ines Irene Isaac Ivan Ivy Jack Jamal James Jane Jasmine Javier
Jean Jesse Joan Jorge Josh Joy Juan Judy Julia Karen Keith Kelly Kim Kwame Lara Laura Leo Leon Lena Liam Lily Linda
Lucas Lucy Luis Malik Marco Maria Mark Marta Maya Megan Mia Mike Mina Mohammed Nadia Nancy Neil Nina Noah Nora Olga
Oscar Pam Patrick Paula Pedro Peter Priya Rachel Ravi Rita Rob Rosa Ruth Ryan Sadie Sam Sara Scott Sean Sofia Stella
Steve Susan Tara Tess Theo Tina Tom Tony Tyler Vera Victor Wanda Wei Wendy Will Yara Yusuf Zoe""".split()

LAST = """Abbott Acosta Adams Ahmed Allen Alvarez Anders Baker Banks Barnes Bauer Bell Bennett Bishop Black Blake Boone
Bowen Boyd Brady Brooks Brown Bryant Burke Burns Bush Byrd Cain Campos Carey Carr Carter Castro Chan Chang Chavez Chen
Clark Clay Cobb Cohen Cole Cook Cooper Cortez Cox Craig Cross Cruz Curry Dale Daly Davis Dean Decker Delgado Diaz Dixon
Doyle Drake Dunn Duran Eaton Ellis Estes Evans Farley Farmer Fields Finley Fisher Flores Ford Foster Fox Frank Frost
Fuller Gale Garcia Gates Gibson Gill Gomez Gonzalez Goodman Grant Gray Green Griffin Gross Gupta Hale Hall Hansen Hardy
Harper Hart Hayes Heath Hernandez Hicks Hill Hobbs Holt Hood Horn House Howe Huang Hughes Hunt Hurst Irwin Jacobs James
Jensen Jimenez Johns Jones Jordan Joyce Kane Kaur Keller Kelley Kemp Kerr Khan Kim King Kirk Klein Knight Koch Kramer
Lam Lamb Lane Larson Lee Leon Levy Li Lin Little Liu Lloyd Long Lopez Love Lowe Lucas Lynch Lyons Mack Marks Marsh
Martin Mason May McCoy McKee Medina Mejia Mercer Meyer Miles Miller Mills Molina Monroe Moody Moon Moore Mora Moran
Morris Moss Mullen Munoz Murray Myers Nash Neal Nelson Newton Nguyen Nolan Norris Novak Nunez Oliver Olson Ortega Ortiz
Owens Pace Page Park Parks Patel Paul Payne Pearson Pena Perez Perry Pham Phelps Pierce Pittman Pope Porter Potter
Powell Pratt Price Quinn Ramirez Ramos Rao Ray Reed Reese Reyes Rhodes Rice Rich Rios Rivas Rivera Roach Roberts Robles
Rojas Roman Rose Ross Rowe Ruiz Rush Russo Ryan Salas Salazar Sanders Santos Savage Schmidt Scott Sharp Shaw Shea Shelton
Sims Singh Skinner Sloan Small Smith Snow Snyder Solis Soto Sparks Stark Steele Stein Stone Strong Suarez Sutton Swan
Tang Tate Taylor Terry Thomas Todd Torres Tran Trujillo Tucker Turner Tyler Underwood Valdez Vance Vargas Vaughn Vega
Vega Wade Walker Wall Walsh Walter Wang Ward Ware Warner Watts Weaver Webb Weber Weeks Wells West White Wiley Wilkins
Winters Wise Wolf Wong Wood Woods Wright Wu Wyatt Yang Yates York Young Yu Zamora Zhang Zuniga""".split()

PETS = """Ace Apollo Archie Ash Athena Bagel Bailey Bandit Baxter Bean Bear Bella Benji Biscuit Blaze Blue Boots Bonnie
Boomer Boots Bruno Bubba Buddy Butters Cali Callie Charlie Chester Chico Chloe Cinder Cleo Clover Coco Cocoa Cookie
Copper Cricket Daisy Dakota Daphne Dexter Diesel Dixie Dobby Domino Duke Dusty Echo Ella Ember Felix Finn Flash Fluffy
Frankie Fred Freya Garfield George Ghost Gigi Ginger Gizmo Goldie Gracie Grits Gus Gypsy Harley Hazel Henry Honey
Hunter Indy Iris Ivy Jack Jasper Jax Jinx Juno Kiki Kira Kitty Kona Lady Leia Leo Lexi Lilly Linus Loki Lola Louie Lucky
Lucy Luna Mabel Mac Maggie Marley Max Maya Mia Midnight Millie Milo Minnie Misty Mittens Mocha Molly Moose Murphy Nala
Nemo Nina Noodle Nova Oakley Odin Ollie Onyx Oreo Oscar Otis Otto Ozzy Panda Patches Peaches Peanut Pearl Penny Pepper
Phoebe Piper Pixie Poppy Pumpkin Queenie Ranger Raven Remy Rex Riley River Rocco Rocket Rocky Roo Rosie Roxy Ruby Rudy
Rufus Rusty Sadie Sage Sam Sandy Sasha Scout Shadow Simba Sissy Smokey Snickers Snowball Socks Sophie Sparky Spirit
Spooky Stella Storm Sugar Sunny Sushi Taco Tank Tater Teddy Thor Tiger Tilly Titan Toby Tucker Twix Tyson Waffles Whiskers
Willow Winnie Winston Wren Xena Yoda Yuki Zeke Zelda Ziggy Zoey""".split()

CAT_COLOURS = ("Black", "Brown tabby", "Orange tabby", "Gray", "White", "Black and white")
QUEENS_ONLY = ("Tortoiseshell", "Calico")
"""Two X chromosomes make these."""
RABBIT_COLOURS = ("White", "Gray", "Brown", "Black", "Fawn", "Black and white")
DOG_COLOURS = ("Black", "Brown", "Tan", "Brindle", "White", "Black and tan", "Red", "Tricolor")

BREEDS = {
    "cat": (("Domestic Shorthair", 74, 3.7, 4.7, CAT_COLOURS), ("Domestic Longhair", 20, 3.8, 4.9, CAT_COLOURS),
            ("Siamese", 6, 3.4, 4.3, ("Seal point", "Blue point"))),
    "dog": (("Mixed", 44, 16.0, 19.0, DOG_COLOURS),
            ("Pit Bull Terrier", 18, 20.0, 26.0, ("Brindle", "Tan", "White", "Black", "Red")),
            ("Labrador Retriever", 13, 27.0, 32.0, ("Black", "Yellow", "Chocolate")),
            ("Chihuahua", 15, 2.6, 3.0, ("Tan", "Black and tan", "Brown", "White")),
            ("German Shepherd", 10, 28.0, 35.0, ("Black and tan", "Sable", "Black"))),
    "rabbit": (("Mixed", 70, 2.3, 2.1, RABBIT_COLOURS), ("Holland Lop", 30, 1.6, 1.5, RABBIT_COLOURS)),
}  # fmt: skip
"""Of each species: breed, how many in a hundred, what a grown female and male weigh in kg, coats."""

STREETS = ("Oak St", "Maple Ave", "Harbor Rd", "Mill Ln", "Church St", "2nd Ave", "Hill Rd", "River Dr", "Pine Ct",
           "Lakeview Blvd", "Station Rd", "Elm St", "County Rd 12", "Prospect Ave", "Willow Way")  # fmt: skip
TOWNS = (("Millbrook", "12545"), ("Ashford", "12501"), ("Port Ellis", "12508"), ("Clayton", "12533"),
         ("Stonebridge", "12561"), ("Fairhaven", "12572"))  # fmt: skip

NOTES = (
    "Prefers a call before 9 in the morning.",
    "Brings several community cats a month; traps are labeled with the street.",
    "Asked for an estimate in writing before the visit.",
    "Pick-up is by the neighbor, who has our number.",
    "Nervous animal: bring in through the side door.",
    "Interested in the low-cost vaccine clinic in spring.",
)
CLINICAL_NOTES = (
    "Grade II murmur heard at the last exam; discussed with the owner.",
    "Sensitive to dexmedetomidine: slow to wake, reversed early last time.",
    "Incision checked at recheck, healing well.",
)
