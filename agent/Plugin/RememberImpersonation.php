<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use MagentoEventBridge\Agent\Capture\Impersonation;
use MagentoEventBridge\Agent\Fence;

/**
 * Remembers which admin user logs in as a customer, before the customer's session is opened.
 */
class RememberImpersonation
{
    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Impersonation
     */
    private $impersonation;

    /**
     * @param Fence $fence
     * @param Impersonation $impersonation
     */
    public function __construct(Fence $fence, Impersonation $impersonation)
    {
        $this->fence = $fence;
        $this->impersonation = $impersonation;
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
        $this->fence->run('login as customer', function () use ($result): void {
            $this->impersonation->begin((int)$result->getCustomerId(), (int)$result->getAdminId());
        });

        return $result;
    }
}
