"""Platforms whose disk does not last: there the embedded default would lose data without a word.

Each is recognised by a variable that its vendor documents:

* AWS Lambda: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
* Amazon ECS and Fargate: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-environment-variables.html
* Cloud Run (services, functions, jobs): https://cloud.google.com/run/docs/container-contract#env-vars
* App Engine standard: https://cloud.google.com/appengine/docs/standard/python3/runtime#environment_variables
* Azure Functions: https://learn.microsoft.com/azure/azure-functions/functions-app-settings
* Azure Container Apps: https://learn.microsoft.com/azure/container-apps/environment-variables
* Vercel: https://vercel.com/docs/projects/environment-variables/system-environment-variables
* Netlify: https://docs.netlify.com/configure-builds/environment-variables/ (its functions run on AWS Lambda)
* Heroku: https://devcenter.heroku.com/articles/dyno-startup-behavior#local-environment-variables
* Fly.io: https://fly.io/docs/reference/runtime-environment/
* Render: https://render.com/docs/environment-variables
* Railway: https://docs.railway.com/reference/variables

Azure App Service is not among them, although it shares variables with Azure Functions: its ``/home`` lasts. Nor is
``RENDER``, which is too common a word; and ``railway run`` sets most of Railway's on the developer's own machine.
Somebody whose directory does last, on a mounted volume, names it: ``local:/mnt/state``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["VARIABLES", "forgetful"]

VARIABLES: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda",
    "ECS_CONTAINER_METADATA_URI_V4": "Amazon ECS",
    "K_SERVICE": "Cloud Run",
    "K_REVISION": "Cloud Run",
    "CLOUD_RUN_JOB": "Cloud Run",
    "GAE_ENV": "App Engine",
    "FUNCTIONS_WORKER_RUNTIME": "Azure Functions",
    "CONTAINER_APP_NAME": "Azure Container Apps",
    "CONTAINER_APP_JOB_NAME": "Azure Container Apps",
    "VERCEL": "Vercel",
    "NETLIFY": "Netlify",
    "DYNO": "Heroku",
    "FLY_MACHINE_ID": "Fly.io",
    "RENDER_SERVICE_ID": "Render",
    "RAILWAY_REPLICA_ID": "Railway",
}
"""The variable that gives a platform away, and the platform."""


def forgetful(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable and the name of the platform whose disk does not last; None if it seems to."""
    for variable, platform in VARIABLES.items():
        if environ.get(variable):
            return variable, platform
    return None
