<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use MagentoEventBridge\Agent\Capture\Impersonation;
use MagentoEventBridge\Agent\Gate;

/**
 * Remembers which admin user logs in as a customer, before the customer's session is opened.
 */
class RememberImpersonation
{
    /**
     * @var Gate
     */
    private $gate;

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * Remembers whom the link in the admin is for. A shop may not have the classes of either parameter.
     *
     * @param \Magento\LoginAsCustomerApi\Api\GetAuthenticationDataBySecretInterface $subject
     * @param \Magento\LoginAsCustomerApi\Api\Data\AuthenticationDataInterface $result
     * @return \Magento\LoginAsCustomerApi\Api\Data\AuthenticationDataInterface
     */
    public function afterExecute($subject, $result)
    {
        $begin = function (Impersonation $impersonation) use ($result): void {
            $impersonation->begin((int)$result->getCustomerId(), (int)$result->getAdminId());
        };
        $this->gate->run('login as customer', Impersonation::class, $begin);

        return $result;
    }
}
