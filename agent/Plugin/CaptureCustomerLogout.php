<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Authorization\Model\UserContextInterface;
use Magento\Customer\Api\CustomerRepositoryInterface;
use Magento\Framework\DataObject;
use Magento\Integration\Api\CustomerTokenServiceInterface;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;

/**
 * Captures that a customer logged out by revoking the token, by REST or GraphQL: Magento dispatches no event.
 */
class CaptureCustomerLogout
{
    private const REVOKED = 'plugin:customer_token.revoke';

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var WatcherInterface
     */
    private $watcher;

    /**
     * @var UserContextInterface
     */
    private $user;

    /**
     * @var CustomerRepositoryInterface
     */
    private $customers;

    /**
     * @param Fence $fence
     * @param WatcherInterface $watcher
     * @param UserContextInterface $user
     * @param CustomerRepositoryInterface $customers
     */
    public function __construct(
        Fence $fence,
        WatcherInterface $watcher,
        UserContextInterface $user,
        CustomerRepositoryInterface $customers
    ) {
        $this->fence = $fence;
        $this->watcher = $watcher;
        $this->user = $user;
        $this->customers = $customers;
    }

    /**
     * Captures a logout if it was the customer's own call; Magento also revokes tokens of deleted customers.
     *
     * @param CustomerTokenServiceInterface $subject
     * @param bool $result
     * @param int|string $customerId
     * @return bool
     */
    public function afterRevokeCustomerAccessToken(CustomerTokenServiceInterface $subject, $result, $customerId)
    {
        if ($result) {
            $this->fence->run(self::REVOKED, function () use ($customerId): void {
                $isOwn = (int)$this->user->getUserType() === UserContextInterface::USER_TYPE_CUSTOMER
                    && (int)$this->user->getUserId() === (int)$customerId;
                if ($isOwn) {
                    $customer = $this->customers->getById((int)$customerId);
                    $this->watcher->on(self::REVOKED, new DataObject(['customer' => $customer]));
                }
            });
        }

        return $result;
    }
}
