"""Coded values that synthetic records draw from: published codes of LOINC, SNOMED CT, RxNorm, ATC and CVX.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

from typing import NamedTuple

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
UCUM = "http://unitsofmeasure.org"


class Concept(NamedTuple):
    """One code of a code system."""

    system: str
    code: str
    display: str


class Measurement(NamedTuple):
    """What is measured, its UCUM unit, and the usual range of its value with the digits after the point."""

    concept: Concept
    unit: str
    low: float
    high: float
    digits: int


class Panel(NamedTuple):
    """A laboratory report and what it measures."""

    concept: Concept
    members: tuple[Measurement, ...]


def _concepts(system: str, table: str) -> tuple[Concept, ...]:
    """Read lines of ``code display``."""
    return tuple(Concept(system, *line.strip().split(" ", 1)) for line in table.strip().splitlines())


def _measurements(table: str) -> tuple[Measurement, ...]:
    """Read lines of ``code unit low high digits display``."""
    rows = (line.strip().split(" ", 5) for line in table.strip().splitlines())
    return tuple(
        Measurement(Concept(LOINC, code, display), unit, float(low), float(high), int(digits))
        for code, unit, low, high, digits, display in rows
    )


def _plans(table: str) -> tuple[tuple[Concept, tuple[Concept, ...]], ...]:
    """Read plans, each followed by its activities, which stand further in."""
    plans: list[tuple[Concept, list[Concept]]] = []
    for line in table.strip("\n").splitlines():
        (concept,) = _concepts(SNOMED, line)
        if line.startswith(" " * 8):
            plans[-1][1].append(concept)
        else:
            plans.append((concept, []))
    return tuple((plan, tuple(activities)) for plan, activities in plans)


VITAL_SIGNS = _measurements("""
    8302-2 cm 48 195 1 Body Height
    29463-7 kg 3 110 1 Body Weight
    39156-5 kg/m2 16 38 2 Body Mass Index
    8867-4 /min 55 110 0 Heart rate
    9279-1 /min 12 24 0 Respiratory rate
    8310-5 Cel 36 39.5 1 Body temperature
    8331-1 Cel 36 39.5 3 Oral temperature
    2708-6 % 88 100 1 Oxygen saturation in Arterial blood
    59408-5 % 88 100 0 Oxygen saturation in Arterial blood by Pulse oximetry
    59576-9 % 1 99 1 Body mass index (BMI) [Percentile] Per age and gender
    9843-4 cm 32 52 1 Head Occipital-frontal circumference
    8289-1 % 1 99 1 Head Occipital-frontal circumference Percentile
    77606-2 % 1 99 1 Weight-for-length Per age and sex
    72514-3 {score} 0 8 0 Pain severity - 0-10 verbal numeric rating [Score] - Reported
    11881-0 cm 12 38 0 Uterus Fundal height Tape measure
""")
SYSTOLIC, DIASTOLIC = _measurements("""
    8480-6 mm[Hg] 95 165 0 Systolic Blood Pressure
    8462-4 mm[Hg] 60 105 0 Diastolic Blood Pressure
""")
BLOOD_PRESSURE = (
    Concept(LOINC, "85354-9", "Blood Pressure"),
    Concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
    Concept(LOINC, "55284-4", "Blood Pressure"),
)

_BASIC = """
    2339-0 mg/dL 65 180 2 Glucose
    6299-2 mg/dL 7 25 2 Urea Nitrogen
    38483-4 mg/dL 0.6 2.5 2 Creatinine
    49765-1 mg/dL 8.5 10.4 2 Calcium
    2947-0 mmol/L 134 146 2 Sodium
    6298-4 mmol/L 3.4 5.4 2 Potassium
    2069-3 mmol/L 98 112 2 Chloride
    20565-8 mmol/L 20 30 2 Carbon Dioxide
"""
_BASIC_BLOOD = """
    2345-7 mg/dL 65 180 1 Glucose [Mass/volume] in Serum or Plasma
    3094-0 mg/dL 7 25 1 Urea nitrogen [Mass/volume] in Serum or Plasma
    2160-0 mg/dL 0.6 2.5 1 Creatinine [Mass/volume] in Serum or Plasma
    17861-6 mg/dL 8.5 10.4 1 Calcium [Mass/volume] in Serum or Plasma
    2951-2 mmol/L 134 146 1 Sodium [Moles/volume] in Serum or Plasma
    2823-3 mmol/L 3.4 5.4 1 Potassium [Moles/volume] in Serum or Plasma
    2075-0 mmol/L 98 112 1 Chloride [Moles/volume] in Serum or Plasma
    2028-9 mmol/L 20 30 1 Carbon dioxide, total [Moles/volume] in Serum or Plasma
    33914-3 mL/min/{1.73_m2} 15 120 1 Glomerular filtration rate/1.73 sq M.predicted
"""
PANELS = (
    Panel(Concept(LOINC, "51990-0", "Basic Metabolic Panel"), _measurements(_BASIC)),
    Panel(Concept(LOINC, "51990-0", "Basic metabolic panel - Blood"), _measurements(_BASIC_BLOOD)),
    Panel(Concept(LOINC, "24321-2", "Basic metabolic 2000 panel - Serum or Plasma"), _measurements(_BASIC_BLOOD)),
    Panel(
        Concept(LOINC, "24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"),
        _measurements(
            _BASIC.rstrip()
            + """
    2885-2 g/dL 6 8.3 2 Protein [Mass/volume] in Serum or Plasma
    1751-7 g/dL 3.4 5.4 2 Albumin [Mass/volume] in Serum or Plasma
    10834-0 g/L 2 3.5 2 Globulin [Mass/volume] in Serum by calculation
    1975-2 mg/dL 0.1 1.2 2 Bilirubin.total [Mass/volume] in Serum or Plasma
    6768-6 U/L 20 140 2 Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma
    1742-6 U/L 7 56 2 Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma
    1920-8 U/L 10 40 2 Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma
    33914-3 mL/min/{1.73_m2} 15 120 2 Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Blood
"""
        ),
    ),
    Panel(
        Concept(LOINC, "57698-3", "Lipid Panel"),
        _measurements("""
    2093-3 mg/dL 150 260 2 Total Cholesterol
    2571-8 mg/dL 80 220 2 Triglycerides
    18262-6 mg/dL 60 170 2 Low Density Lipoprotein Cholesterol
    2085-9 mg/dL 30 75 2 High Density Lipoprotein Cholesterol
"""),
    ),
    Panel(
        Concept(LOINC, "58410-2", "Complete blood count (hemogram) panel - Blood by Automated count"),
        _measurements("""
    6690-2 10*3/uL 3.5 11 2 Leukocytes [#/volume] in Blood by Automated count
    789-8 10*6/uL 3.8 5.8 2 Erythrocytes [#/volume] in Blood by Automated count
    718-7 g/dL 8 17.5 2 Hemoglobin [Mass/volume] in Blood
    4544-3 % 33 51 2 Hematocrit [Volume Fraction] of Blood by Automated count
    787-2 fL 80 98 2 MCV [Entitic volume] by Automated count
    785-6 pg 27 33 2 MCH [Entitic mass] by Automated count
    786-4 g/dL 32 36 2 MCHC [Mass/volume] by Automated count
    21000-5 fL 39 46 2 Erythrocyte distribution width [Entitic volume] by Automated count
    777-3 10*3/uL 150 450 2 Platelets [#/volume] in Blood by Automated count
    32207-3 fL 150 520 2 Platelet distribution width [Entitic volume] in Blood by Automated count
    32623-1 fL 9.4 12.3 2 Platelet mean volume [Entitic volume] in Blood by Automated count
"""),
    ),
)
SINGLE_TESTS = _measurements("""
    4548-4 % 4.5 11 2 Hemoglobin A1c/Hemoglobin.total in Blood
    33914-3 mL/min/{1.73_m2} 15 120 2 Estimated Glomerular Filtration Rate
    14959-1 mg/g 2 320 2 Microalbumin Creatinine Ratio
    2857-1 ng/mL 0.1 9 2 Prostate specific Ag [Mass/volume] in Serum or Plasma
    718-7 g/dL 8 17.5 1 Hemoglobin [Mass/volume] in Blood
    20447-9 {copies}/mL 20 90000 0 HIV 1 RNA [#/volume] (viral load) in Serum or Plasma by NAA with probe detection
    24467-3 /uL 120 1400 0 CD3+CD4+ (T4 helper) cells [#/volume] in Blood
    32465-7 {#} 0 30 0 Physical findings of Prostate
    38265-5 {T-score} -4 1 2 DXA [T-score] Bone density
    21905-5 {#} 0 3 0 Size.maximum dimension in Tumor
    44667-4 {#} 1 6 0 Number of previous pregnancies
    19926-5 % 40 95 2 FEV1/FVC
    2276-4 ug/L 5 300 1 Ferritin [Mass/volume] in Serum or Plasma
""")
CODED_FINDINGS: tuple[tuple[Concept, tuple[Concept, ...]], ...] = (
    (
        Concept(LOINC, "72166-2", "Tobacco smoking status NHIS"),
        _concepts(SNOMED, "266919005 Never smoker\n8517006 Former smoker\n449868002 Current every day smoker"),
    ),
    (
        Concept(LOINC, "70569-9", "Plasmodium sp Ag [Identifier] in Blood by Rapid immunoassay"),
        _concepts(SNOMED, "260373001 Detected (qualifier value)\n260415000 Not detected (qualifier value)"),
    ),
    (
        Concept(LOINC, "75622-1", "HIV 1 and 2 tests - Meaningful Use set"),
        _concepts(SNOMED, "10828004 Positive (qualifier value)\n260385009 Negative (qualifier value)"),
    ),
    (
        Concept(LOINC, "55277-8", "HIV status"),
        _concepts(SNOMED, "165816005 HIV positive\n165815009 HIV negative"),
    ),
    (
        Concept(LOINC, "71802-3", "Housing status"),
        _concepts(LOINC, "LA31993-1 I have housing\nLA31994-9 I do not have housing"),
    ),
    (
        Concept(LOINC, "5767-9", "Appearance of Urine"),
        _concepts(SNOMED, "167236000 Urine looks clear (finding)\n7766007 Cloudy urine (finding)"),
    ),
)

VISITS = _concepts(
    SNOMED,
    """
    162673000 General examination of patient (procedure)
    185345009 Encounter for symptom
    185345009 Encounter for symptom (procedure)
    185347001 Encounter for problem
    185347001 Encounter for problem (procedure)
    185349003 Encounter for check up (procedure)
    185349003 Encounter for 'check-up'
    410620009 Well child visit (procedure)
    424619006 Prenatal visit
    424441002 Prenatal initial visit
    169762003 Postnatal visit
    390906007 Follow-up encounter
    50849002 Emergency Room Admission
    50849002 Emergency room admission (procedure)
    183452005 Emergency hospital admission (procedure)
    185389009 Follow-up visit (procedure)
    698314001 Consultation for treatment
    33879002 Administration of vaccine to produce active immunity (procedure)
    702927004 Urgent care clinic (procedure)
    308335008 Patient encounter procedure
    371883000 Outpatient procedure
    394701000 Asthma follow-up
    305351004 Admission to intensive care unit (procedure)
    86013001 Periodic reevaluation and management of healthy individual (procedure)
    439740005 Postoperative follow-up visit (procedure)
    """,
)
CONDITIONS = _concepts(
    SNOMED,
    """
    61462000 Malaria
    38341003 Hypertension
    59621000 Essential hypertension (disorder)
    44054006 Diabetes
    44054006 Diabetes mellitus type 2 (disorder)
    15777000 Prediabetes
    195662009 Acute viral pharyngitis (disorder)
    10509002 Acute bronchitis (disorder)
    444814009 Viral sinusitis (disorder)
    36971009 Sinusitis (disorder)
    40055000 Chronic sinusitis (disorder)
    75498004 Acute bacterial sinusitis (disorder)
    43878008 Streptococcal sore throat (disorder)
    65363002 Otitis media
    233604007 Pneumonia
    54150009 Upper respiratory infection (disorder)
    62315008 Diarrhea (finding)
    68566005 Urinary tract infectious disease (disorder)
    72892002 Normal pregnancy
    398254007 Pre-eclampsia
    19169002 Miscarriage in first trimester
    271737000 Anemia (disorder)
    87522002 Iron deficiency anemia (disorder)
    55822004 Hyperlipidemia
    302870006 Hypertriglyceridemia (disorder)
    237602007 Metabolic syndrome X (disorder)
    80394007 Hyperglycemia (disorder)
    162864005 Body mass index 30+ - obesity (finding)
    414545008 Ischemic heart disease (disorder)
    53741008 Coronary Heart Disease
    22298006 Myocardial Infarction
    49436004 Atrial Fibrillation
    230690007 Stroke
    195967001 Asthma
    185086009 Chronic obstructive bronchitis (disorder)
    87433001 Pulmonary emphysema (disorder)
    86406008 Human immunodeficiency virus infection (disorder)
    56717001 Tuberculosis (disorder)
    24079001 Atopic dermatitis
    367498001 Seasonal allergic rhinitis
    232353008 Perennial allergic rhinitis with seasonal variation
    44465007 Sprain of ankle
    70704007 Sprain of wrist
    62106007 Concussion with no loss of consciousness
    370247008 Facial laceration
    283371005 Laceration of forearm
    65966004 Fracture of forearm
    16114001 Fracture of ankle
    58150001 Fracture of clavicle
    33737001 Fracture of rib
    48333001 Burn injury(morphologic abnormality)
    64859006 Osteoporosis (disorder)
    239873007 Osteoarthritis of knee
    90560007 Gout
    68496003 Polyp of colon
    254837009 Malignant neoplasm of breast (disorder)
    363406005 Malignant tumor of colon
    126906006 Neoplasm of prostate
    431855005 Chronic kidney disease stage 1 (disorder)
    127013003 Diabetic renal disease (disorder)
    422034002 Diabetic retinopathy associated with type II diabetes mellitus (disorder)
    368581000119106 Neuropathy due to type 2 diabetes mellitus (disorder)
    128613002 Seizure disorder
    36923009 Major depression, single episode
    160903007 Full-time employment (finding)
    423315002 Limited social contact (finding)
    73595000 Stress (finding)
    """,
)
PROCEDURES = _concepts(
    SNOMED,
    """
    428191000124101 Documentation of current medications
    430193006 Medication Reconciliation (procedure)
    76601001 Intramuscular injection
    73761001 Colonoscopy
    117015009 Throat culture (procedure)
    23426006 Measurement of respiratory function (procedure)
    399208008 Plain chest X-ray (procedure)
    274804006 Evaluation of uterine fundal height
    225158009 Auscultation of the fetal heart
    44608003 Blood typing, RH typing
    104091002 Hemogram, automated, with red blood cells, white blood cells, hemoglobin, hematocrit, platelet count
    104435004 Screening for occult blood in feces (procedure)
    66348005 Childbirth
    11466000 Cesarean section
    65200003 Insertion of intrauterine contraceptive device
    71651007 Mammography
    18286008 Catheter ablation of tissue of heart
    180325003 Electrical cardioversion
    265764009 Renal dialysis (procedure)
    274474001 Bone immobilization
    225358003 Wound care
    288086009 Suture open wound
    1225002 Upper arm X-ray
    19490002 Ankle X-ray
    387607004 Construction of diagnostic cast (procedure)
    710824005 Assessment of health and social care needs (procedure)
    171207006 Depression screening (procedure)
    710841007 Assessment of anxiety (procedure)
    866148006 Screening for domestic abuse (procedure)
    268425006 Pelvis X-ray
    410006001 Digital examination of rectum
    269911007 Sputum examination (procedure)
    """,
)
MEDICATIONS = _concepts(
    RXNORM,
    """
    314076 lisinopril 10 MG Oral Tablet
    860975 24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet
    849574 Naproxen sodium 220 MG Oral Tablet
    313782 Acetaminophen 325 MG Oral Tablet
    198405 Ibuprofen 100 MG Oral Tablet
    310965 Ibuprofen 200 MG Oral Tablet
    308192 Amoxicillin 500 MG Oral Tablet
    308182 Amoxicillin 250 MG Oral Capsule
    562251 Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet
    834060 Penicillin V Potassium 250 MG Oral Tablet
    197361 Amlodipine 5 MG Oral Tablet
    312961 Simvastatin 20 MG Oral Tablet
    259255 Atorvastatin 80 MG Oral Tablet
    310798 Hydrochlorothiazide 25 MG Oral Tablet
    745679 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler
    895994 120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler
    1049221 Acetaminophen 325 MG / Oxycodone Hydrochloride 5 MG Oral Tablet
    106892 insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML Injectable Suspension [Humulin]
    309362 Clopidogrel 75 MG Oral Tablet
    705129 Nitroglycerin 0.4 MG/ACTUAT Mucosal Spray
    855332 Warfarin Sodium 5 MG Oral Tablet
    197604 Digoxin 0.125 MG Oral Tablet
    1000126 1 ML medroxyprogesterone acetate 150 MG/ML Injection
    748856 Yaz 28 Day Pack
    807283 Mirena 52 MG Intrauterine System
    1014676 cetirizine hydrochloride 5 MG Oral Tablet
    665078 Loratadine 5 MG Chewable Tablet
    1870230 NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector
    310325 ferrous sulfate 325 MG Oral Tablet
    """,
)
ESSENTIAL_MEDICINES = _concepts(
    ATC,
    """
    P01BF01 artemether and lumefantrine
    N02BE01 paracetamol
    J01CA04 amoxicillin
    B03AA07 ferrous sulfate
    C08CA01 amlodipine
    A10BA02 metformin
    J05AR27 lamivudine, tenofovir disoproxil and dolutegravir
    J04AM06 rifampicin, pyrazinamide, ethambutol and isoniazid
    A07CA oral rehydration salt formulations
    """,
)
VACCINES = _concepts(
    CVX,
    """
    140 Influenza, seasonal, injectable, preservative free
    113 Td (adult) preservative free
    115 Tdap
    121 zoster
    33 pneumococcal polysaccharide vaccine, 23 valent
    133 Pneumococcal conjugate PCV 13
    08 Hep B, adolescent or pediatric
    43 Hep B, adult
    20 DTaP
    49 Hib (PRP-OMP)
    10 IPV
    02 OPV, trivalent
    19 BCG
    102 DTP-Hib-Hep B
    119 rotavirus, monovalent
    03 MMR
    04 M/R
    21 varicella
    83 Hep A, ped/adol, 2 dose
    52 Hep A, adult
    62 HPV, quadrivalent
    114 meningococcal MCV4P
    208 SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 30 mcg/0.3mL dose
    """,
)
PLANS = _plans("""
    698360004 Diabetes self management plan
        160670007 Diabetic diet
        229065009 Exercise therapy
    443402002 Lifestyle education regarding hypertension
        386463000 Prescribed activity/exercise education
        413473000 Counseling about alcohol consumption
        1151000175103 Dietary approaches to stop hypertension diet
    53950000 Respiratory therapy
        304510005 Recommendation to avoid exercise
        371605008 Deep breathing and coughing exercises
    134435003 Routine antenatal care
        135892000 Antenatal education
        312404004 Antenatal blood tests
    385691007 Fracture care
        183051005 Recommendation to rest
        408580007 Physical activity target light exercise
    736376001 Infectious disease care plan (record artifact)
        409524006 Airborne precautions (procedure)
    225358003 Wound care
        385949008 Dressing change management
        439830001 Behavior to prevent infection
    91251008 Physical therapy procedure
        229586001 Rest and ice treatments
        229070002 Stretching and strengthening
    735985000 Diabetes self management plan (record artifact)
        160670007 Diabetic diet
    736254007 Psychiatry care plan (record artifact)
        228557008 Cognitive and behavioral therapy (regime/therapy)
""")
ALLERGIES = _concepts(
    SNOMED,
    """
    300913006 Shellfish allergy
    91935009 Allergy to peanuts
    91934008 Allergy to nut
    232347008 Dander (animal) allergy
    232350006 House dust mite allergy
    419474003 Allergy to mould
    418689008 Allergy to grass pollen
    419263009 Allergy to tree pollen
    91930004 Allergy to eggs
    425525006 Allergy to dairy product
    300916003 Latex allergy
    424213003 Allergy to bee venom
    """,
)
